import type { AppId } from '../apps/app.js';

/** One port of one instance, as others reach it. */
export interface EndpointPort {
  readonly number: number;
  readonly protocol: 'tcp' | 'udp';
  /** The port's name in the app's definition. */
  readonly name?: string;
}

/** One instance that may be used: running, and healthy and ready as far as its app says how to tell. */
export interface Endpoint {
  readonly taskId: string;
  /** The agent's id; its last part (`S4`) tells agents apart in host names. */
  readonly agentId: string;
  /** Where the task itself is reached: its container's address, else its agent's. */
  readonly ip: string;
  /** The agent's address. */
  readonly agentIp: string;
  readonly ports: readonly EndpointPort[];
}

/** All usable instances of one app. */
export interface AppEndpoints {
  readonly appId: AppId;
  readonly endpoints: readonly Endpoint[];
}
