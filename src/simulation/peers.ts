import type { FromAgent, ToAgent } from '../embedded-mesos/protocol/agent-line.js';
import { parseResources } from '../embedded-mesos/protocol/resource-text.js';
import type { FromProxy, ToProxy } from '../proxy/table.js';
import type { Clock } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { Link } from './link.js';
import type { Happening, Observer } from './observer.js';
import { totals } from './placement.js';
import { SimAgent } from './sim-agent.js';
import { SimProxy } from './sim-proxy.js';

export interface AgentSeat {
  readonly agent: SimAgent;
  readonly link: Link<FromAgent, ToAgent>;
}

export interface ProxySeat {
  readonly proxy: SimProxy;
  readonly link: Link<FromProxy, ToProxy>;
  /** Whether the server had to wait for it: ever since that moment no lease passed between two words of its. */
  wasLeasedSince(sinceMs: number): boolean;
}

export interface PeerSurroundings {
  readonly clock: Clock;
  readonly dice: Dice;
  readonly observer: Observer;
  readonly record: (happening: Happening) => void;
}

const LEASE_MS = 10_000;
const FIRST_PORT = 31_000;
/** Agents of one world share no ports, so that a port alone names a process. */
const PORTS_PER_AGENT = 100;
const LAUNCH_MS = 20;
const KILL_MS = 30;
const REQUEST_PERIOD_MS = 100;
const LONGEST_ANSWER_MS = 250;

/** An agent with 8 cpus, 8 GiB and 100 ports, dialling whichever server lives. `index` from 0. */
export function seatAgent(index: number, { clock, dice, observer }: PeerSurroundings): AgentSeat {
  const name = `agent-${index + 1}`;
  const begin = FIRST_PORT + index * PORTS_PER_AGENT;
  const resources = parseResources(
    `cpus:8;mem:8192;disk:10000;ports:[${begin}-${begin + PORTS_PER_AGENT - 1}]`,
  );
  observer.agentHas(name, totals(resources));
  const link = new Link<FromAgent, ToAgent>(name, clock, dice, {
    sent: (message) => observer.sentToAgent(name, message),
  });
  const agent = new SimAgent({
    hostname: name,
    resources,
    clock,
    dice,
    dial: (handlers) => link.dial(handlers),
    launchDelayMs: LAUNCH_MS,
    killDelayMs: KILL_MS,
    onTask: (info, state) => observer.task(name, info, state),
  });
  agent.start();
  return { agent, link };
}

/** A proxy with traffic, dialling whichever server lives. `index` from 0. */
export function seatProxy(index: number, { clock, dice, observer, record }: PeerSurroundings): ProxySeat {
  const proxyId = `proxy-${index + 1}`;
  let heardAtMs = Number.NEGATIVE_INFINITY;
  let backAtMs = Number.NEGATIVE_INFINITY;
  const link = new Link<FromProxy, ToProxy>(proxyId, clock, dice, {
    arrived: () => {
      const nowMs = clock.monotonicMs();
      if (nowMs - heardAtMs >= LEASE_MS) backAtMs = nowMs;
      heardAtMs = nowMs;
    },
  });
  const proxy = new SimProxy({
    proxyId,
    clock,
    dice,
    dial: (handlers) => link.dial(handlers),
    requestPeriodMs: REQUEST_PERIOD_MS,
    longestAnswerMs: LONGEST_ANSWER_MS,
    answers: (taskId) => observer.live.get(taskId)?.runningSinceMs !== undefined,
    onTable: (epoch, from, to) => record({ kind: 'table', proxy: proxyId, epoch, from, to }),
    onFailedRequest: (appId, taskId, why) => record({ kind: 'request failed', appId, taskId, why }),
  });
  proxy.start();
  return {
    proxy,
    link,
    wasLeasedSince: (sinceMs) => backAtMs < sinceMs && clock.monotonicMs() - heardAtMs < LEASE_MS,
  };
}
