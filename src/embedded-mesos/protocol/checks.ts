import type { CommandInfo } from './command-info.js';

/** Checks that an executor runs. Seconds may be fractional; defaults are Mesos's (15 s delay, 10 s interval, 20 s timeout). */
export interface CheckInfo {
  readonly type?: 'COMMAND' | 'HTTP' | 'TCP';
  readonly command?: { readonly command: CommandInfo };
  readonly http?: { readonly port: number; readonly path?: string };
  readonly tcp?: { readonly port: number };
  readonly delay_seconds?: number;
  readonly interval_seconds?: number;
  readonly timeout_seconds?: number;
}

/** A health check kills the task after `consecutive_failures` (default 3) once `grace_period_seconds` (10) are over. */
export interface HealthCheck {
  readonly type?: 'COMMAND' | 'HTTP' | 'TCP';
  readonly command?: CommandInfo;
  readonly http?: {
    readonly protocol?: 'IPv4' | 'IPv6';
    readonly scheme?: string;
    readonly port: number;
    readonly path?: string;
    readonly statuses?: readonly number[];
  };
  readonly tcp?: { readonly protocol?: 'IPv4' | 'IPv6'; readonly port: number };
  readonly delay_seconds?: number;
  readonly interval_seconds?: number;
  readonly timeout_seconds?: number;
  readonly consecutive_failures?: number;
  readonly grace_period_seconds?: number;
}

/** An empty sub-message: the check has not been run yet. */
export interface CheckStatusInfo {
  readonly type?: 'COMMAND' | 'HTTP' | 'TCP';
  readonly command?: { readonly exit_code?: number };
  readonly http?: { readonly status_code?: number };
  readonly tcp?: { readonly succeeded?: boolean };
}
