import type { EjectionRules } from '../../apps/port-routing.js';

/** How failures of a server are judged. What a service says is completed with what was always so. */
export interface EjectionTerms {
  /** Refused or timed out connections in a row that eject; 0: never. */
  readonly refusals: number;
  /** Failures of any kind in a row that eject; 0: never. */
  readonly failures: number;
  readonly baseMs: number;
  readonly longestMs: number;
  readonly panicThreshold: number;
}

/** Without rules: one refused connection proves more than one bad answer, of which it takes three in a row. */
export const defaultEjection: EjectionTerms = {
  refusals: 1,
  failures: 3,
  baseMs: 500,
  longestMs: 10_000,
  panicThreshold: 0.5,
};

/** A number of failures that the service names counts for all kinds of them. */
export function ejectionTerms(rules: EjectionRules | undefined): EjectionTerms {
  if (!rules) return defaultEjection;
  const { failures, baseMs, longestMs, panicThreshold } = rules;
  const base = baseMs ?? defaultEjection.baseMs;
  return {
    refusals: failures ?? defaultEjection.refusals,
    failures: failures ?? defaultEjection.failures,
    baseMs: base,
    longestMs: Math.max(base, longestMs ?? defaultEjection.longestMs),
    panicThreshold: panicThreshold ?? defaultEjection.panicThreshold,
  };
}

/** What is remembered of a server's failures. */
export interface FailureRecord {
  /** Connections that were not made, since the last that was. */
  readonly refusals: number;
  /** Answers that failed, since the last good one. */
  readonly badAnswers: number;
  /** Ejections since the last success. */
  readonly ejections: number;
  /** Left alone until then. */
  readonly ejectedUntilMs: number;
}

export const noFailures: FailureRecord = { refusals: 0, badAnswers: 0, ejections: 0, ejectedUntilMs: 0 };

/**
 * After one more failure. The ejection lasts twice as long each time, up to the longest. What fails while the server is ejected
 * (it was under way, or there was no other server) changes nothing: one moment of refusal is one ejection.
 */
export function afterFailure(
  record: FailureRecord,
  kind: 'refused' | 'bad-answer',
  nowMs: number,
  terms: EjectionTerms,
): FailureRecord {
  if (record.ejectedUntilMs > nowMs) return record;
  const refusals = record.refusals + (kind === 'refused' ? 1 : 0);
  const badAnswers = record.badAnswers + (kind === 'refused' ? 0 : 1);
  const out =
    (terms.refusals > 0 && refusals >= terms.refusals) ||
    (terms.failures > 0 && refusals + badAnswers >= terms.failures);
  if (!out) return { ...record, refusals, badAnswers };
  return {
    refusals,
    badAnswers,
    ejections: record.ejections + 1,
    ejectedUntilMs: nowMs + ejectionMs(record.ejections + 1, terms),
  };
}

/** How long the `nth` ejection in a row lasts (1 or more). */
export function ejectionMs(nth: number, terms: EjectionTerms): number {
  return Math.min(terms.longestMs, terms.baseMs * 2 ** Math.min(nth - 1, 30));
}

/** A connection was made: forgives the refusals, and an ejection unless it was for bad answers. */
export function afterConnection(record: FailureRecord): FailureRecord {
  if (record.badAnswers === 0) return noFailures;
  return record.refusals === 0 ? record : { ...record, refusals: 0 };
}

/** Answers of the server itself that count as failures. */
export function isBadAnswer(status: number): boolean {
  return status === 502 || status === 503 || status === 504;
}

/** Are so many ejected that leaving them alone would bury the others? Then all are asked again. */
export function isPanic(ejected: number, servers: number, panicThreshold: number): boolean {
  return ejected > 0 && ejected > servers * panicThreshold;
}
