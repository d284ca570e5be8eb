import type { AppRecord } from '../../apps/app.js';
import { appPorts } from '../../apps/app-ports.js';
import type { Resource } from '../../embedded-mesos/protocol/v1.js';
import type { RefusalReason } from '../scheduler.js';
import { fieldValue } from './agent-facts.js';
import { judgeConstraint, type PlacedView } from './constraints.js';
import { milli, type OfferPool } from './offer-pool.js';

/** Everything a judgement needs beside the app and what is left of the offer. */
export interface MatchContext {
  readonly placed: PlacedView;
  /** Wall time, for maintenance windows. */
  readonly nowMs: number;
  /** A throw of dice in [0, 1): where the search for host ports begins. */
  readonly startAt: number;
  /** Region of the master; undefined when unknown (then every region is near). */
  readonly localRegion?: string;
  /** A freed port that some proxy may still send requests to. */
  resting(port: number): boolean;
}

export type Match =
  | { readonly kind: 'match'; readonly hostPorts: readonly number[] }
  | {
      readonly kind: 'refusal';
      readonly reasons: readonly RefusalReason[];
      readonly explanation: readonly string[];
      /** Only because freed ports still rest: worth another try soon. */
      readonly resting?: boolean;
    };

/** Roles whose resources the app takes: its own and unreserved ones unless it says otherwise (Marathon reference 2.8). */
export function acceptedRoles(record: AppRecord): readonly string[] {
  const asked = record.app.acceptedResourceRoles;
  return asked !== undefined && asked.length > 0 ? asked : [record.app.role, '*'];
}

function inMaintenance(pool: OfferPool, nowMs: number): boolean {
  const window = pool.offer.unavailability;
  if (!window) return false;
  const startMs = window.start.nanoseconds / 1e6;
  return (
    nowMs >= startMs && (window.duration === undefined || nowMs < startMs + window.duration.nanoseconds / 1e6)
  );
}

function regionRefusal(
  record: AppRecord,
  pool: OfferPool,
  localRegion: string | undefined,
): string | undefined {
  const region = pool.agent.region;
  if (localRegion === undefined || region === undefined || region === localRegion) return undefined;
  if (record.app.constraints.some(([field]) => field === '@region' || field === '@zone')) return undefined;
  return `the agent is in region '${region}', only '${localRegion}' is used without a constraint on @region or @zone`;
}

const scalars: readonly {
  name: string;
  field: 'cpus' | 'mem' | 'disk' | 'gpus';
  reason: RefusalReason;
  unit: string;
}[] = [
  { name: 'cpus', field: 'cpus', reason: 'InsufficientCpus', unit: ' cpus' },
  { name: 'mem', field: 'mem', reason: 'InsufficientMemory', unit: ' MiB of memory' },
  { name: 'disk', field: 'disk', reason: 'InsufficientDisk', unit: ' MiB of disk' },
  { name: 'gpus', field: 'gpus', reason: 'InsufficientGpus', unit: ' gpus' },
];

function choosePorts(
  record: AppRecord,
  pool: OfferPool,
  roles: readonly string[],
  context: MatchContext,
): { readonly ports: readonly number[] } | { readonly why: string; readonly resting: boolean } {
  const wanted = appPorts(record.app).flatMap(({ hostPort }) => hostPort ?? []);
  if (wanted.length === 0) return { ports: [] };
  const fixed = wanted.filter((port) => port !== 0);
  for (const port of fixed) {
    if (!pool.hasPort(port, roles))
      return { why: `needs host port ${port}, not in the offer`, resting: false };
    if (context.resting(port)) {
      return {
        why: `needs host port ${port}, which rests until every proxy has let go of it`,
        resting: true,
      };
    }
  }
  const demanded = new Set(fixed);
  const shunned = (port: number): boolean => demanded.has(port) || context.resting(port);
  const random = pool.pickPorts(wanted.length - fixed.length, context.startAt, roles, shunned);
  if (!random) {
    const free = pool.freePorts(roles);
    const resting = free >= wanted.length;
    return {
      why: `needs ${wanted.length} host ports, ${free} offered${resting ? ', some of them resting' : ''}`,
      resting,
    };
  }
  if (fixed.length === 0) return { ports: random };
  return { ports: wanted.map((port) => (port === 0 ? (random.shift() ?? 0) : port)) };
}

/**
 * Whether one instance of the app fits what is left of an offer (Marathon reference 6.4), with the host ports it would get,
 * or every reason why not, in the order of the funnel (1.11) and in words. Ports are looked at only when all else matched.
 */
export function matchOffer(record: AppRecord, pool: OfferPool, context: MatchContext): Match {
  const { app } = record;
  const reasons: RefusalReason[] = [];
  const explanation: string[] = [];
  const refuse = (reason: RefusalReason, why: string): void => {
    if (!reasons.includes(reason)) reasons.push(reason);
    explanation.push(why);
  };
  if (pool.role !== app.role)
    refuse('UnfulfilledRole', `offered to role '${pool.role}', the app has role '${app.role}'`);
  const far = regionRefusal(record, pool, context.localRegion);
  if (far !== undefined) refuse('UnfulfilledConstraint', far);
  for (const constraint of app.constraints) {
    const why = judgeConstraint(constraint, fieldValue(pool.agent, constraint[0]), context.placed);
    if (why !== undefined) refuse('UnfulfilledConstraint', why);
  }
  if (pool.offer.unavailability && inMaintenance(pool, context.nowMs)) {
    refuse('AgentMaintenance', 'the agent is in a maintenance window');
  }
  const roles = acceptedRoles(record);
  for (const { name, field, reason, unit } of scalars) {
    const need = milli(app[field]);
    if (need === 0) continue;
    const left = pool.left(name, roles);
    if (left < need) refuse(reason, `needs ${app[field]}${unit}, ${left / 1_000} offered`);
  }
  if (app.gpus === 0 && pool.hasGpus && app.labels['GPU_SCHEDULING_BEHAVIOR'] !== 'unrestricted') {
    refuse('DeclinedScarceResources', 'the agent has gpus, which are kept for apps that ask for them');
  }
  if (reasons.length > 0) return { kind: 'refusal', reasons, explanation };
  const ports = choosePorts(record, pool, roles, context);
  if ('why' in ports) {
    return {
      kind: 'refusal',
      reasons: ['InsufficientPorts'],
      explanation: [ports.why],
      resting: ports.resting,
    };
  }
  return { kind: 'match', hostPorts: ports.ports };
}

/** Takes what a match needs out of the pool; the resources as the task declares them. */
export function takeResources(record: AppRecord, pool: OfferPool, hostPorts: readonly number[]): Resource[] {
  const roles = acceptedRoles(record);
  const taken: Resource[] = [];
  for (const { name, field } of scalars) {
    const need = milli(record.app[field]);
    if (need > 0) taken.push(...pool.take(name, need, roles));
  }
  if (hostPorts.length > 0) taken.push(...pool.takePorts(hostPorts, roles));
  return taken;
}

/** Refusals that only get worse while an offer is being used up: no use asking that offer again for this app. */
export function isLasting(reasons: readonly RefusalReason[]): boolean {
  return reasons.some((reason) => reason !== 'UnfulfilledConstraint');
}
