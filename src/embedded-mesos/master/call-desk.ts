import { assertNever } from '../../util/assert.js';
import type { Call } from '../protocol/v1.js';
import type { EventSink, FrameworkRecord } from './cluster.js';
import type { FrameworkDesk } from './framework-desk.js';
import type { OfferDesk } from './offer-desk.js';
import type { MasterParts } from './parts.js';
import type { TaskDesk } from './task-desk.js';

type CallOfFramework = Exclude<Call, { type: 'SUBSCRIBE' }>;

/** Brings each call to its desk. */
export class CallDesk {
  constructor(
    private readonly parts: MasterParts,
    private readonly frameworks: FrameworkDesk,
    private readonly offers: OfferDesk,
    private readonly tasks: TaskDesk,
  ) {}

  handle(sink: EventSink, call: Call): void {
    if (call.type === 'SUBSCRIBE') {
      this.frameworks.subscribe(sink, call);
      return;
    }
    const framework = this.parts.cluster.frameworks.get(call.framework_id.value);
    if (framework?.sink !== sink || !framework) {
      this.parts.counters.add('master/dropped_messages');
      this.parts.log.debug('a call was dropped: its framework is not subscribed on this line', {
        type: call.type,
      });
      return;
    }
    this.#handle(framework, call);
  }

  #handle(framework: FrameworkRecord, call: CallOfFramework): void {
    switch (call.type) {
      case 'ACCEPT':
        this.offers.accept(framework, call.accept);
        break;
      case 'DECLINE':
        this.offers.decline(framework, call.decline);
        break;
      case 'REVIVE':
        this.offers.revive(framework, call.revive?.roles);
        break;
      case 'SUPPRESS':
        this.offers.suppress(framework, call.suppress?.roles);
        break;
      case 'KILL':
        this.tasks.kill(framework, call.kill);
        break;
      case 'ACKNOWLEDGE':
        this.tasks.acknowledge(framework, call.acknowledge);
        break;
      case 'RECONCILE':
        this.tasks.reconcile(framework, call.reconcile);
        break;
      case 'RECONCILE_OPERATIONS':
        this.tasks.reconcileOperations(framework, call.reconcile_operations);
        break;
      case 'TEARDOWN':
        this.frameworks.teardown(framework);
        break;
      case 'UPDATE_FRAMEWORK':
        this.frameworks.update(framework, call.update_framework);
        break;
      // Executors of frameworks, inverse offers and operations with an acknowledgement do not exist here; a request for
      // resources is a hint that Mesos's own allocator ignores as well.
      case 'ACCEPT_INVERSE_OFFERS':
      case 'DECLINE_INVERSE_OFFERS':
      case 'ACKNOWLEDGE_OPERATION_STATUS':
      case 'SHUTDOWN':
      case 'MESSAGE':
      case 'REQUEST':
        this.parts.log.debug('a call has no effect here', { type: call.type, frameworkId: framework.id });
        break;
      default:
        assertNever(call, 'call');
    }
  }
}
