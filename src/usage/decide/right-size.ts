import type { UsagePoint } from './usage-points.js';

/** Room above what was seen: processors are shared and can wait, memory cannot. */
const CPU_HEADROOM = 1.3;
const MEMORY_HEADROOM = 1.25;
/** What is asked for may be so much more than what is advised before anything is said. */
const WORTH_SAYING = 1.25;
const LEAST_CPUS_SAVED = 0.05;
const LEAST_MIB_SAVED = 32;
/** Smallest request that is advised. */
const LEAST_CPUS = 0.05;
const LEAST_MIB = 32;
/** Fewer points say nothing about how it usually is. */
export const LEAST_POINTS = 30;
/** A quota that holds back for so large a share of the time is too low. */
const THROTTLED_TOO_MUCH = 0.1;

export interface SizedApp {
  readonly instances: number;
  /** What one instance asks for. */
  readonly cpus: number;
  readonly memMiB: number;
  /** Numeric limits of processors and memory, if it has any: no request may be above. */
  readonly cpusLimit?: number;
  readonly memLimitMiB?: number;
  /** Of its remembered tasks, those that the kernel ended for memory. */
  readonly outOfMemoryEnds: number;
}

export interface SizeAdvice {
  readonly requested: number;
  /** What no instance exceeded in so many of hundred points. */
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  readonly advised: number;
}

export interface RightSize {
  readonly verdict: 'too-much' | 'too-little' | 'fits' | 'unknown';
  /** For people. */
  readonly text: string;
  readonly cpus?: SizeAdvice;
  readonly memMiB?: SizeAdvice;
  /** The body of the PATCH that would follow the advice. */
  readonly patch?: { readonly cpus?: number; readonly mem?: number };
}

/**
 * What an app should ask for, from how much its hungriest instance used in each slot: p95 of the processors and p99 of the
 * memory, with some room. An app whose tasks ran out of memory is never advised less of it: between two looks it used more.
 */
export function rightSize(app: SizedApp, points: readonly UsagePoint[]): RightSize {
  if (points.length < LEAST_POINTS) {
    const text = `Too little is known yet: ${points.length} of ${LEAST_POINTS} points.`;
    return { verdict: 'unknown', text };
  }
  const cpus = cpuAdvice(app, points);
  const memMiB = memoryAdvice(app, points);
  const wish = {
    ...(differs(cpus, LEAST_CPUS_SAVED) && { cpus: cpus.advised }),
    ...(differs(memMiB, LEAST_MIB_SAVED) && { mem: memMiB.advised }),
  };
  const more = (wish.cpus ?? 0) > app.cpus || (wish.mem ?? 0) > app.memMiB;
  const wishes = wish.cpus !== undefined || wish.mem !== undefined;
  const verdict = more ? 'too-little' : wishes ? 'too-much' : 'fits';
  return { verdict, text: inWords(app, cpus, memMiB, wish), cpus, memMiB, ...(wishes && { patch: wish }) };
}

function cpuAdvice(app: SizedApp, points: readonly UsagePoint[]): SizeAdvice {
  const { p95, p99, max } = quantiles(points.map(({ peakCpus }) => peakCpus));
  const throttled = points.reduce((sum, point) => sum + point.throttled, 0) / points.length;
  const fitting = Math.max(LEAST_CPUS, upTo(p95 * CPU_HEADROOM, 0.05));
  const held = throttled > THROTTLED_TOO_MUCH ? Math.max(fitting, app.cpus) : fitting;
  return { requested: app.cpus, p95, p99, max, advised: Math.min(held, app.cpusLimit ?? held) };
}

function memoryAdvice(app: SizedApp, points: readonly UsagePoint[]): SizeAdvice {
  const { p95, p99, max } = quantiles(points.map(({ peakMemMiB }) => peakMemMiB));
  const fitting = Math.max(LEAST_MIB, upTo(p99 * MEMORY_HEADROOM, p99 < 256 ? 8 : 64));
  const enough = app.outOfMemoryEnds > 0 ? Math.max(fitting, upTo(app.memMiB * 1.5, 8)) : fitting;
  return { requested: app.memMiB, p95, p99, max, advised: Math.min(enough, app.memLimitMiB ?? enough) };
}

function differs({ requested, advised }: SizeAdvice, least: number): boolean {
  if (advised > requested) return advised - requested >= least / 2;
  return requested > advised * WORTH_SAYING && requested - advised >= least;
}

function inWords(
  app: SizedApp,
  cpus: SizeAdvice,
  memMiB: SizeAdvice,
  wish: { readonly cpus?: number; readonly mem?: number },
): string {
  const seen =
    `An instance asks for ${app.cpus} cpus and ${app.memMiB} MiB; ` +
    `95 % of the time none used more than ${cpus.p95} cpus, 99 % of the time none more than ${memMiB.p99} MiB.`;
  const killed =
    app.outOfMemoryEnds > 0
      ? ` ${app.outOfMemoryEnds} of its last tasks ended because memory ran out, so it used more between two looks.`
      : '';
  if (wish.cpus === undefined && wish.mem === undefined) return `${seen}${killed} That fits.`;
  const changes = [
    ...(wish.cpus === undefined ? [] : [{ by: (wish.cpus - app.cpus) * app.instances, unit: 'cpus' }]),
    ...(wish.mem === undefined ? [] : [{ by: (wish.mem - app.memMiB) * app.instances, unit: 'MiB' }]),
  ];
  const list = (some: typeof changes): string =>
    some.map(({ by, unit }) => `${Math.round(Math.abs(by) * 100) / 100} ${unit}`).join(' and ');
  const [freed, taken] = [changes.filter(({ by }) => by <= 0), changes.filter(({ by }) => by > 0)];
  const means = [
    ...(freed.length > 0 ? [`free ${list(freed)}`] : []),
    ...(taken.length > 0 ? [`take ${list(taken)} more`] : []),
  ].join(' and ');
  return `${seen}${killed} Asking for ${asked(wish)} would ${means}.`;
}

function asked({ cpus, mem }: { readonly cpus?: number; readonly mem?: number }): string {
  return [...(cpus === undefined ? [] : [`${cpus} cpus`]), ...(mem === undefined ? [] : [`${mem} MiB`])].join(
    ' and ',
  );
}

/** The least multiple of `step` that is not below, without the dust of binary fractions. */
function upTo(value: number, step: number): number {
  return Math.round(Math.ceil(value / step - 1e-9) * step * 1_000) / 1_000;
}

/** By the nearest-rank method. */
function quantiles(values: readonly number[]): { p95: number; p99: number; max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number): number => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
  return { p95: at(0.95), p99: at(0.99), max: at(1) };
}
