import type { Access } from '../../auth/access.js';

type Body = Readonly<Record<string, unknown>>;
type Sight = Pick<Access, 'sees' | 'seesGroup' | 'seesAll'>;

interface Action {
  readonly app?: string;
  readonly pod?: string;
}

interface Step {
  readonly actions?: readonly Action[];
}

/**
 * An event as somebody may see it who sees a part of the tree: whole, with what concerns others taken out of its plan, or not
 * at all (undefined). What concerns no app (streams, the scheduler) is for those who see everything.
 */
export function visibleEvent(body: Body, sight: Sight): Body | undefined {
  if (sight.seesAll || body['eventType'] === 'reset') return body;
  if (isRecord(body['plan'])) return withVisiblePlan(body, body['plan'], sight);
  const group = body['groupId'];
  if (typeof group === 'string') {
    // The reason of a failure may name any app below.
    const seen = body['eventType'] === 'group_change_success' ? sight.seesGroup(group) : sight.sees(group);
    return seen ? body : undefined;
  }
  const app = subject(body);
  return app !== undefined && sight.sees(app) ? body : undefined;
}

function subject(body: Body): string | undefined {
  const definition = body['appDefinition'];
  const id = body['appId'] ?? body['runSpecId'] ?? (isRecord(definition) ? definition['id'] : undefined);
  return typeof id === 'string' ? id : undefined;
}

function withVisiblePlan(body: Body, plan: Body, sight: Sight): Body | undefined {
  const steps = (Array.isArray(plan['steps']) ? plan['steps'] : []) as readonly Step[];
  const all = steps.flatMap(({ actions }) => actions ?? []);
  const seen = all.filter((action) => seesAction(action, sight));
  if (seen.length === 0) return undefined;
  if (seen.length === all.length) return body;
  const current = body['currentStep'];
  // The reason may name any app of the plan.
  const { reason: _, ...rest } = body;
  return {
    ...rest,
    plan: { ...plan, steps: steps.map((step) => visibleStep(step, sight)) },
    ...(isRecord(current) ? { currentStep: visibleStep(current as Step, sight) } : {}),
  };
}

function visibleStep(step: Step, sight: Sight): Step {
  return { ...step, actions: (step.actions ?? []).filter((action) => seesAction(action, sight)) };
}

function seesAction({ app, pod }: Action, sight: Sight): boolean {
  const id = app ?? pod;
  return id !== undefined && sight.sees(id);
}

function isRecord(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
