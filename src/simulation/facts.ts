import type { AppId } from '../apps/app.js';
import type { TaskState } from '../embedded-mesos/protocol/v1.js';
import type { InstanceId, TaskId } from '../scheduler/instance.js';

/** What one app shall be, as far as a client can see it. */
export interface WantedApp {
  readonly instances: number;
  readonly cmd: string;
}

/** A definition that was asked for, by app; undefined deletes. */
export type WantedApps = Readonly<Record<string, WantedApp | undefined>>;

/** One thing that happened in a simulated world. The whole list is what the checkers judge. */
export type Fact = { readonly atMs: number } & (
  | {
      readonly kind: 'server';
      readonly what: 'starts' | 'dies' | 'stands still' | 'goes on';
      readonly epoch: number;
    }
  | { readonly kind: 'fault'; readonly what: string }
  | { readonly kind: 'asked'; readonly request: number; readonly wanted: WantedApps }
  /** The client has its 2xx. `durable`: the store held the new definitions at that moment. */
  | {
      readonly kind: 'acknowledged';
      readonly request: number;
      readonly wanted: WantedApps;
      readonly durable: boolean;
      /** Of the change; empty when the client found that an earlier, unanswered attempt had done it. */
      readonly version: string;
      readonly deploymentId: string;
    }
  | { readonly kind: 'refused'; readonly request: number; readonly code: string }
  /** An instance more was scheduled. `occupied`: then live, launching or leaving ones; `allowed`: by the definition in force. */
  | {
      readonly kind: 'added';
      readonly appId: AppId;
      readonly instanceId: InstanceId;
      readonly occupied: number;
      readonly allowed: number;
    }
  /** An instance is on its way out. `goodLeft`: healthy and ready ones that stay. */
  | {
      readonly kind: 'taken out';
      readonly appId: AppId;
      readonly instanceId: InstanceId;
      readonly reason: string;
      readonly wasGood: boolean;
      readonly goodLeft: number;
      readonly needed: number;
    }
  /** A launch left the server. `durable`: the store held exactly this launch. */
  | {
      readonly kind: 'launch sent';
      readonly agent: string;
      readonly taskId: TaskId;
      readonly durable: boolean;
    }
  /** A kill left the server. `durable`: the store held the intention, or no such task. */
  | {
      readonly kind: 'kill sent';
      readonly agent: string;
      readonly taskId: TaskId;
      readonly durable: boolean;
      /** Meant to go without a drain. */
      readonly immediate: boolean;
      /** Waited-for proxies that still send it new requests. */
      readonly routedBy: readonly string[];
      /** Requests it is answering for waited-for proxies. */
      readonly inFlight: number;
      /** Since the last of those proxies stopped sending it new ones; undefined when one has never sent any. */
      readonly unroutedForMs: number | undefined;
      readonly drainLimitMs: number;
    }
  /** An agent's tasks after one more was started: what they use of what it has, and ports that two of them share. */
  | {
      readonly kind: 'placed';
      readonly agent: string;
      readonly over: readonly string[];
      readonly sharedPorts: readonly number[];
    }
  /** What really happened to a process. */
  | {
      readonly kind: 'task';
      readonly agent: string;
      readonly taskId: TaskId;
      readonly instanceId: InstanceId;
      readonly state: TaskState;
    }
  | {
      readonly kind: 'offer';
      readonly offerId: string;
      readonly what: 'offered' | 'rescinded' | 'accepted' | 'declined';
    }
  | {
      readonly kind: 'table';
      readonly proxy: string;
      readonly epoch: number;
      readonly from: number | undefined;
      readonly to: number;
    }
  | { readonly kind: 'request failed'; readonly appId: AppId; readonly taskId: TaskId; readonly why: string }
  | { readonly kind: 'deployment ended'; readonly id: string; readonly well: boolean; readonly epoch: number }
  | { readonly kind: 'deployment stored'; readonly id: string; readonly step: number | undefined }
  | {
      readonly kind: 'error logged';
      readonly room: string;
      readonly message: string;
      readonly detail: string;
    }
);

/** The fault that explains errors in the log. */
export const DISK_IS_FULL = 'the disk is full';

export type FactKind = Fact['kind'];
export type FactOf<Kind extends FactKind> = Extract<Fact, { kind: Kind }>;

/** The facts of one kind, in their order. */
export function factsOf<Kind extends FactKind>(facts: readonly Fact[], kind: Kind): FactOf<Kind>[] {
  return facts.filter((fact): fact is FactOf<Kind> => fact.kind === kind);
}

/** A fact as one line of a timeline. */
export function factLine({ atMs, kind, ...rest }: Fact): string {
  return `${atMs.toFixed(0).padStart(8)} ${kind} ${JSON.stringify(rest)}`;
}
