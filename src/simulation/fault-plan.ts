import type { Dice } from '../util/ids.js';
import type { World } from './world.js';

/** One thing that goes wrong, and when. */
export type PlannedFault = { readonly atMs: number } & (
  | { readonly kind: 'server dies'; readonly inFlight: 'lost' | 'kept'; readonly atFlush: number }
  | { readonly kind: 'server stands still'; readonly forMs: number }
  | { readonly kind: 'wall clock jumps'; readonly byMs: number }
  | { readonly kind: 'agent is cut off'; readonly agent: number; readonly forMs: number }
  | { readonly kind: 'agent dies'; readonly agent: number; readonly forMs: number }
  | { readonly kind: 'host reboots'; readonly agent: number; readonly forMs: number }
  | { readonly kind: 'task dies'; readonly agent: number }
  | { readonly kind: 'proxy is cut off'; readonly proxy: number; readonly forMs: number }
  | { readonly kind: 'disk is full'; readonly forMs: number }
);

const HOUR_MS = 3_600_000;

export interface FaultScale {
  readonly agents: number;
  readonly proxies: number;
  readonly faults: number;
  /** All faults begin within this time. */
  readonly withinMs: number;
}

/** A random schedule of faults: the same dice give the same one. */
export function planFaults(dice: Dice, scale: FaultScale): readonly PlannedFault[] {
  const faults = Array.from({ length: scale.faults }, () => planFault(dice, scale));
  return faults.sort((a, b) => a.atMs - b.atMs);
}

function planFault(dice: Dice, { agents, proxies, withinMs }: FaultScale): PlannedFault {
  const upTo = (limit: number): number => Math.floor(dice.random() * limit);
  const atMs = upTo(withinMs);
  const agent = upTo(agents);
  const kinds: readonly (() => PlannedFault)[] = [
    () => ({ atMs, kind: 'server dies', inFlight: 'lost', atFlush: 1 + upTo(8) }),
    () => ({ atMs, kind: 'server dies', inFlight: 'kept', atFlush: 1 + upTo(8) }),
    () => ({ atMs, kind: 'server stands still', forMs: 500 + upTo(40_000) }),
    () => ({ atMs, kind: 'wall clock jumps', byMs: (dice.random() < 0.5 ? -1 : 1) * upTo(HOUR_MS) }),
    () => ({ atMs, kind: 'agent is cut off', agent, forMs: 100 + upTo(90_000) }),
    () => ({ atMs, kind: 'agent dies', agent, forMs: 100 + upTo(60_000) }),
    () => ({ atMs, kind: 'host reboots', agent, forMs: 2_000 + upTo(60_000) }),
    () => ({ atMs, kind: 'task dies', agent }),
    () => ({ atMs, kind: 'proxy is cut off', proxy: upTo(proxies), forMs: 100 + upTo(30_000) }),
    () => ({ atMs, kind: 'disk is full', forMs: 100 + upTo(20_000) }),
  ];
  return (kinds[upTo(kinds.length)] ?? (kinds[0] as () => PlannedFault))();
}

/** Lets every planned fault happen in its time, counted from now. */
export function scheduleFaults(world: World, plan: readonly PlannedFault[]): void {
  for (const fault of plan) world.perform(() => world.after(fault.atMs).then(() => happen(world, fault)));
}

function happen(world: World, fault: PlannedFault): void {
  switch (fault.kind) {
    case 'server dies':
      world.crashSoon(fault.atFlush, fault.inFlight);
      return;
    case 'server stands still':
      world.pauseServer(fault.forMs);
      return;
    case 'wall clock jumps':
      world.jumpWall(fault.byMs);
      return;
    case 'disk is full':
      world.fillDisk(fault.forMs);
      return;
    case 'proxy is cut off': {
      const seat = world.proxies[fault.proxy];
      if (seat)
        world.fault(
          `${seat.link.name} is cut off`,
          fault.forMs,
          () => seat.link.cut(),
          () => seat.link.heal(),
        );
      return;
    }
    default:
      agentFault(world, fault);
  }
}

function agentFault(world: World, fault: Extract<PlannedFault, { agent: number }>): void {
  const seat = world.agents[fault.agent];
  if (!seat) return;
  const { agent, link } = seat;
  switch (fault.kind) {
    case 'agent is cut off':
      world.fault(
        `${link.name} is cut off`,
        fault.forMs,
        () => link.cut(),
        () => link.heal(),
      );
      return;
    case 'agent dies':
      world.fault(
        `${link.name} dies`,
        fault.forMs,
        () => agent.crash(),
        () => agent.start(),
      );
      return;
    case 'host reboots':
      world.fault(
        `the host of ${link.name} reboots`,
        fault.forMs,
        () => agent.reboot(),
        () => agent.start(),
      );
      return;
    case 'task dies': {
      const [taskId] = agent.liveTaskIds();
      if (taskId === undefined) return;
      world.record({ kind: 'fault', what: `${taskId} dies` });
      agent.endTask(taskId);
    }
  }
}
