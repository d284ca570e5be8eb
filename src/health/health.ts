import type { AppId } from '../apps/app.js';
import type { ReadinessResult } from '../deployments/deployment.js';

/** One thing to probe: a health check, a readiness check, or the first TCP connect of an app without checks. */
export interface ProbeTarget {
  /** Unique: `<taskId>#health-0`, `<taskId>#ready`, `<taskId>#port`. */
  readonly key: string;
  readonly protocol: 'HTTP' | 'HTTPS' | 'TCP';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly ignoreHttp1xx?: boolean;
  /** Statuses that count as success; default 200 to 399. */
  readonly successStatuses?: readonly number[];
  /** Keep the answer's head and the first bytes of its body. */
  readonly keepResponse?: boolean;
  /** Probe quickly (starting at 50 ms, doubling up to the interval) until the first success. */
  readonly eager: boolean;
}

/** What the prober child says about one probe. */
export interface ProbeResult {
  readonly key: string;
  readonly ok: boolean;
  readonly cause?: string;
  /** How long the probe took by the prober's own monotonic clock. */
  readonly elapsedMs?: number;
  readonly response?: { readonly status: number; readonly contentType: string; readonly body: string };
}

/** The prober: a child process in production (a busy loop here never turns into a false verdict), a fake in tests. */
export interface Prober {
  start(onResult: (result: ProbeResult) => void): Promise<void>;
  add(target: ProbeTarget): void;
  remove(key: string): void;
  stop(): Promise<void>;
}

/** What deployments and API ask of health. */
export interface HealthReadModel {
  readiness(appId: AppId): readonly ReadinessResult[];
}
