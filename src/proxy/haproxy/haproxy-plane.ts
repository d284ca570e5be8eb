import { lookup } from 'node:dns/promises';
import { createServer, isIP } from 'node:net';
import type { Log } from '../../logging/log.js';
import type { TaskId } from '../../scheduler/instance.js';
import type { Clock, Timer } from '../../util/clock.js';
import type { RoutingTable } from '../table.js';
import type { CertificateStore } from './certificate-store.js';
import {
  type Layout,
  type LayoutSettings,
  layoutInSteps,
  servesHttps,
  wantedPorts,
} from './decide/layout.js';
import { NO_PLAN, type Plan, planChange } from './decide/plan-change.js';
import { type Rendered, render } from './decide/render.js';
import type { FollowedServices } from './followed-table.js';
import { Generations } from './generations.js';
import { type HaproxyProcess, HaproxyRefusal } from './haproxy-process.js';
import { RawLabels } from './raw-labels.js';

/** While something is in flight to instances that left, HAProxy is asked so often whether it is done. */
const DRAIN_PERIOD_MS = 50;
/** And so often whether workers of earlier configurations have ended, while only these could still ask them. */
const FORMER_PERIOD_MS = 200;
/** Ports that are taken, hosts that are not known and configurations that were refused are looked at again after this. */
const SECOND_LOOK_MS = 5_000;
/** What failed is tried again after this. */
const RETRY_MS = 500;
/** A reload costs a worker: with so many earlier ones alive, reloads are so far apart. */
const RELOAD_PACE_MS: readonly number[] = [0, 250, 500, 1_000, 2_000, 4_000];

export interface HaproxyPlaneOptions {
  readonly settings: LayoutSettings;
  readonly haproxy: HaproxyProcess;
  readonly table: FollowedServices;
  readonly certificates: Pick<CertificateStore, 'facts' | 'leaveOut'>;
  /** HAProxy is about to be started: whoever has its ports gives them up now. */
  beforeStart(): Promise<void>;
  inFlight(taskId: TaskId, count: number): void;
  notServedChanged(): void;
  /** It serves a table for the first time. */
  serving(): void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Brings HAProxy to what the table says, and tells what is still in flight to those that left it. */
export class HaproxyPlane {
  readonly generations: Generations;
  readonly #rawLabels: RawLabels;
  #servedInPart = '{}';
  /** The newest layout, until the table or what is known of the outside world changes. */
  #made: { readonly change: number; readonly layout: Layout } | undefined;
  /** Second looks so far. */
  #looks = 0;
  readonly #addresses = new Map<string, string>();
  /** `address port` of service ports that are left out. */
  readonly #busyPorts = new Map<string, { readonly port: number; readonly reason: string }>();
  /** Ports that our HAProxy has. */
  #boundPorts = new Set<string>();
  /** Services that HAProxy does not take, with the reason. */
  readonly #refused = new Map<
    string,
    { readonly port: number; readonly reason: string; readonly mark: string }
  >();
  #withoutTls: Layout['withoutTls'] = {};
  #working: Promise<void> | undefined;
  #again = false;
  #timer: Timer | undefined;
  #timerAtMs = 0;
  #secondLook: Timer | undefined;
  #nextReloadMs = 0;
  #serving = false;
  #stopped = false;

  constructor(private readonly options: HaproxyPlaneOptions) {
    this.generations = new Generations(options.haproxy.runtime, options.inFlight);
    this.#rawLabels = new RawLabels(options.settings, options.haproxy, options.log);
  }

  start(): void {
    this.#secondLook = this.options.clock.every(SECOND_LOOK_MS, () => this.#lookAgain());
    this.wake();
  }

  /** Ends after what is under way. HAProxy goes on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#secondLook?.cancel();
    await this.#working;
  }

  /** Something changed: the table, or HAProxy is gone. */
  wake(): void {
    this.#again = true;
    if (this.#working || this.#stopped) return;
    this.#working = this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  get notServed(): Readonly<Record<number, string>> {
    const all = [...this.#refused.values(), ...this.#busyPorts.values()];
    return { ...this.#withoutTls, ...Object.fromEntries(all.map(({ port, reason }) => [port, reason])) };
  }

  /** Service ports that are served without something that their apps ask for, and what. */
  get servedInPart(): Readonly<Record<number, string>> {
    return this.#rawLabels.leftOut;
  }

  /** Virtual hosts are served over TLS. */
  get servesHttps(): boolean {
    return servesHttps(this.options.settings, {
      tls: this.options.certificates.facts,
      portRefused: (port, address) => this.#busyPorts.get(`${address} ${port}`)?.reason,
    });
  }

  /** The configuration that HAProxy would be started with to be as it is now; undefined: it serves nothing. */
  get configuration(): string | undefined {
    const plan = this.generations.plan(this.generations.presentPid);
    return plan && plan !== NO_PLAN ? render(plan).text : undefined;
  }

  /** There are other certificates. */
  certificatesChanged(): void {
    this.#made = undefined;
    if (this.#refused.size > 0) {
      this.#refused.clear();
      this.options.notServedChanged();
    }
    this.#looks += 1;
    this.wake();
  }

  async #work(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        await this.#round();
      } catch (error) {
        this.options.log.warn('HAProxy could not be brought to the routing table; trying again', {
          error: String(error),
        });
        this.generations.doubt();
        this.#wakeIn(RETRY_MS);
      }
    }
  }

  async #round(): Promise<void> {
    const { table, clock, haproxy } = this.options;
    const change = table.changes;
    const { services } = table.table();
    const tasks = tasksOf(services);
    const layout = await this.#layout(services, change);
    if (!haproxy.running) await this.#restart(layout);
    else await this.generations.survey();
    const needsReload = await this.generations.apply(layout);
    if (needsReload) {
      await this.generations.count(tasks);
      const waitMs = this.#nextReloadMs - clock.monotonicMs();
      if (waitMs > 0) {
        this.#wakeIn(waitMs);
        return;
      }
      await this.#reload(needsReload);
    }
    const busy = await this.generations.count(tasks);
    table.confirm(change);
    if (busy !== 'nobody') this.#wakeIn(busy === 'present' ? DRAIN_PERIOD_MS : FORMER_PERIOD_MS);
    if (this.#serving) return;
    this.#serving = true;
    this.options.serving();
  }

  async #layout(services: RoutingTable['services'], change: number): Promise<Layout> {
    await this.#resolve(services);
    // What is known is not forgotten half way: a second look may begin between the steps.
    const addresses = new Map(this.#addresses);
    await this.#probe(services);
    const busyPorts = new Map(this.#busyPorts);
    if (this.#made?.change === change) return this.#made.layout;
    this.#forgetRefusals(services);
    const looks = this.#looks;
    const tls = this.options.certificates.facts;
    const raw = await this.#rawLabels.judge(services, tls);
    this.#tellServedInPart();
    const steps = layoutInSteps(services, this.options.settings, {
      addressOf: (host) => (isIP(host) !== 0 ? host : addresses.get(host)),
      portRefused: (port, address) => busyPorts.get(`${address} ${port}`)?.reason,
      refused: new Set(this.#refused.keys()),
      raw,
      tls,
    });
    for (;;) {
      const step = steps.next();
      if (step.done) {
        if (looks === this.#looks) this.#made = { change, layout: step.value };
        this.#leftWithoutTls(step.value.withoutTls);
        return step.value;
      }
      await new Promise<void>((next) => setImmediate(next));
    }
  }

  /** Whoever asks for something else now, or is gone, is not refused any more. */
  #forgetRefusals(services: RoutingTable['services']): void {
    let changed = false;
    for (const [key, { mark }] of this.#refused) {
      const service = services[key];
      if (service && refusalMark(service) === mark) continue;
      this.#refused.delete(key);
      changed = true;
    }
    if (changed) this.options.notServedChanged();
  }

  #tellServedInPart(): void {
    const told = JSON.stringify(this.servedInPart);
    if (told === this.#servedInPart) return;
    this.#servedInPart = told;
    this.options.notServedChanged();
  }

  #leftWithoutTls(ports: Layout['withoutTls']): void {
    if (JSON.stringify(ports) === JSON.stringify(this.#withoutTls)) return;
    this.#withoutTls = ports;
    for (const [port, reason] of Object.entries(ports))
      this.options.log.warn('a service port is not served', { port: Number(port), reason });
    this.options.notServedChanged();
  }

  async #restart(layout: Layout): Promise<void> {
    const { haproxy } = this.options;
    this.generations.forgetAll();
    const { reload: plan = NO_PLAN } = planChange(NO_PLAN, layout);
    const checked = await this.#checked(plan);
    await this.options.beforeStart();
    const worker = await haproxy.start(render(checked)).catch((error: unknown) => this.#leaveOut(error));
    this.generations.present(worker, checked);
  }

  async #reload(plan: Plan): Promise<void> {
    const { haproxy, clock } = this.options;
    const checked = await this.#checked(plan);
    const worker = await haproxy
      .reload(render(checked), this.generations.presentPid)
      .catch((error: unknown) => this.#leaveOut(error));
    this.generations.present(worker, checked);
    const former = this.generations.former;
    this.#nextReloadMs =
      clock.monotonicMs() + (RELOAD_PACE_MS[Math.min(former, RELOAD_PACE_MS.length - 1)] ?? 0);
  }

  /** The plan itself, or (thrown: it is to be made anew) without services that HAProxy does not take. */
  async #checked(plan: Plan): Promise<Plan> {
    const rendered = render(plan);
    const complaint = await this.options.haproxy.complaint(rendered);
    if (!complaint) return plan;
    const { services } = this.options.table.table();
    let found = this.#leaveOutCertificates(complaint.text, rendered);
    for (const line of found ? [] : complaint.lines) {
      const key = rendered.ownerOf(line);
      const service = key === undefined ? undefined : services[key];
      if (key === undefined || !service || this.#refused.has(key)) continue;
      found = true;
      const reason = 'HAProxy does not take its configuration';
      this.#made = undefined;
      this.#refused.set(key, { port: service.servicePort, reason, mark: refusalMark(service) });
      this.options.log.warn('an app is not served: HAProxy does not take what it asks for', {
        app: service.appId,
        servicePort: service.servicePort,
        said: complaint.text.slice(0, 2_000),
      });
    }
    if (!found && this.#rawLabels.leaveAllOut(complaint.text)) {
      found = true;
      this.#made = undefined;
    }
    if (found) {
      this.options.notServedChanged();
      this.#again = true;
    }
    throw new Error(`HAProxy does not take its configuration: ${complaint.text.slice(0, 2_000)}`);
  }

  /** Whoever names a certificate that HAProxy does not take is served without it. */
  #leaveOutCertificates(complaint: string, { secrets }: Rendered): boolean {
    const named = new Set([...complaint.matchAll(/certs\/[\w.-]+\.(?:pem|ca)\b/g)].map(([file]) => file));
    const left = [...named].filter((file) => {
      const text = secrets[file];
      return text !== undefined && this.options.certificates.leaveOut(file, text);
    });
    return left.length > 0;
  }

  async #resolve(services: RoutingTable['services']): Promise<void> {
    const unknown = new Set<string>();
    for (const { servers } of Object.values(services))
      for (const { host } of servers) if (isIP(host) === 0 && !this.#addresses.has(host)) unknown.add(host);
    await Promise.all(
      [...unknown].map(async (host) => {
        try {
          this.#addresses.set(host, (await lookup(host, { order: 'ipv4first' } as { family?: 4 })).address);
          this.#made = undefined;
        } catch (error) {
          this.options.log.warn('a host is not known; its instances are not served', {
            host,
            error: String(error),
          });
        }
      }),
    );
  }

  /** A port that somebody else has must not stop the others. */
  async #probe(services: RoutingTable['services']): Promise<void> {
    const wanted = this.#wantedPorts(services);
    const names = new Set(wanted.map(({ port, address }) => `${address} ${port}`));
    let changed = false;
    for (const name of this.#busyPorts.keys())
      if (!names.has(name)) {
        this.#busyPorts.delete(name);
        changed = true;
      }
    const bound = new Set<string>();
    for (const { port, address } of wanted) {
      const name = `${address} ${port}`;
      if (this.#boundPorts.has(name)) {
        bound.add(name);
        continue;
      }
      if (this.#busyPorts.has(name)) continue;
      const reason = await whyBusy(port, address);
      if (reason === undefined) bound.add(name);
      else {
        this.#busyPorts.set(name, { port, reason });
        changed = true;
        this.options.log.warn('a service port is not served', { port, reason });
      }
    }
    this.#boundPorts = bound;
    if (!changed) return;
    this.#made = undefined;
    this.options.notServedChanged();
  }

  /** Service ports that HAProxy did not get are left out of its next configuration: somebody took them since they were looked at. */
  #leaveOut(error: unknown): never {
    if (error instanceof HaproxyRefusal && error.busy.length > 0) {
      for (const { address, port, reason } of error.busy) {
        this.#boundPorts.delete(`${address} ${port}`);
        this.#busyPorts.set(`${address} ${port}`, { port, reason });
      }
      this.#made = undefined;
      this.options.notServedChanged();
    }
    throw error;
  }

  /** HAProxy has these ports already, or gets them from whoever has them: they are busy with us. */
  alreadyBound(services: RoutingTable['services']): void {
    for (const { port, address } of this.#wantedPorts(services)) this.#boundPorts.add(`${address} ${port}`);
  }

  #wantedPorts(services: RoutingTable['services']): ReturnType<typeof wantedPorts> {
    const { settings, certificates } = this.options;
    const { httpsPort: port, lbAddress: address } = settings;
    const wanted = wantedPorts(services, address);
    return port === undefined || certificates.facts.certificates.length === 0
      ? wanted
      : [...wanted, { port, address }];
  }

  #lookAgain(): void {
    if (this.#busyPorts.size + this.#refused.size === 0 && this.#addresses.size === 0) return;
    const busy = this.#busyPorts.size;
    this.#busyPorts.clear();
    this.#addresses.clear();
    this.#made = undefined;
    this.#looks += 1;
    if (busy > 0) this.options.notServedChanged();
    this.wake();
  }

  #wakeIn(ms: number): void {
    const atMs = this.options.clock.monotonicMs() + ms;
    if (this.#stopped || (this.#timer && this.#timerAtMs <= atMs)) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = this.options.clock.after(ms, () => {
      this.#timer = undefined;
      this.wake();
    });
  }
}

/** What a service asks for, whoever serves it: what it is refused for. */
function refusalMark(service: RoutingTable['services'][string]): string {
  return JSON.stringify({ ...service, servers: [], wanted: 0 });
}

function tasksOf(services: RoutingTable['services']): ReadonlySet<TaskId> {
  const tasks = new Set<TaskId>();
  for (const { servers } of Object.values(services)) for (const { taskId } of servers) tasks.add(taskId);
  return tasks;
}

/** Why this port cannot be bound; undefined: it can. HAProxy itself would share it with whoever lets it. */
function whyBusy(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(error.message));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
