import type { Offer, Resource } from '../../embedded-mesos/protocol/v1.js';
import { assert } from '../../util/assert.js';
import { type AgentFacts, agentFacts } from './agent-facts.js';

/** Scalars are counted in thousandths, as Mesos does, so that sums stay exact. */
const SCALE = 1_000;

interface ScalarPiece {
  left: number;
  readonly role: string;
  readonly source: Resource;
}

interface PortPiece {
  begin: number;
  end: number;
  readonly role: string;
  readonly source: Resource;
}

/** The role a resource is reserved for; `*` when unreserved. Old and new reservation formats. */
export function reservedRole(resource: Resource): string {
  const reservation = resource.reservations?.at(-1);
  return reservation?.role ?? resource.role ?? '*';
}

function isPlain(resource: Resource): boolean {
  return (
    resource.revocable === undefined &&
    resource.shared === undefined &&
    resource.disk?.persistence === undefined &&
    resource.disk?.source === undefined &&
    resource.provider_id === undefined
  );
}

/** An amount in thousandths. */
export function milli(amount: number): number {
  return Math.round(amount * SCALE);
}

/**
 * What is left of one offer while tasks are put on it. Revocable, shared, persistent and provider disks are left alone.
 * What is taken keeps its reservation, so that the master finds it contained in the offer.
 */
export class OfferPool {
  readonly agent: AgentFacts;
  readonly offerId: string;
  readonly role: string;
  readonly hasGpus: boolean;
  readonly #scalars = new Map<string, ScalarPiece[]>();
  readonly #portSources: Resource[] = [];
  #portPieces: PortPiece[] | undefined;

  constructor(readonly offer: Offer) {
    this.offerId = offer.id.value;
    this.agent = agentFacts(offer);
    this.role = offer.allocation_info?.role ?? offer.resources[0]?.allocation_info?.role ?? '*';
    for (const resource of offer.resources) {
      if (!isPlain(resource)) continue;
      const role = reservedRole(resource);
      if (resource.type === 'SCALAR') {
        const pieces = this.#scalars.get(resource.name) ?? [];
        const piece = { left: milli(resource.scalar?.value ?? 0), role, source: resource };
        // Reserved pieces first: what nobody else can use is used up before what is free for all.
        if (role === '*') pieces.push(piece);
        else pieces.unshift(piece);
        this.#scalars.set(resource.name, pieces);
      } else if (resource.name === 'ports') {
        this.#portSources.push(resource);
      }
    }
    this.hasGpus = (this.#scalars.get('gpus') ?? []).some((piece) => piece.left > 0);
  }

  /** Made when first asked for: of many offers held at once few are looked into, and each may have hundreds of ranges. */
  get #ports(): PortPiece[] {
    this.#portPieces ??= this.#portSources.flatMap((source) => {
      const role = reservedRole(source);
      return (source.ranges?.range ?? []).map(({ begin, end }) => ({ begin, end, role, source }));
    });
    return this.#portPieces;
  }

  /** Thousandths of a scalar left in pieces of accepted roles. */
  left(name: string, roles: readonly string[]): number {
    let sum = 0;
    for (const piece of this.#scalars.get(name) ?? []) if (roles.includes(piece.role)) sum += piece.left;
    return sum;
  }

  /** Takes `amount` thousandths; the caller has checked `left`. */
  take(name: string, amount: number, roles: readonly string[]): Resource[] {
    const taken: Resource[] = [];
    let missing = amount;
    for (const piece of this.#scalars.get(name) ?? []) {
      if (missing === 0) break;
      if (piece.left === 0 || !roles.includes(piece.role)) continue;
      const part = Math.min(piece.left, missing);
      piece.left -= part;
      missing -= part;
      taken.push({ ...piece.source, scalar: { value: part / SCALE } });
    }
    assert(missing === 0, `offer ${this.offerId} was asked for more ${name} than it has left`);
    return taken;
  }

  freePorts(roles: readonly string[]): number {
    let sum = 0;
    for (const piece of this.#ports) if (roles.includes(piece.role)) sum += piece.end - piece.begin + 1;
    return sum;
  }

  hasPort(port: number, roles: readonly string[]): boolean {
    return this.#ports.some(
      (piece) => piece.begin <= port && port <= piece.end && roles.includes(piece.role),
    );
  }

  /**
   * `count` ports from `startAt` (in [0, 1), a throw of dice) of the way through the ranges on, consecutive, wrapping round,
   * without those `shunned`. Undefined when there are not enough. Takes nothing yet.
   */
  pickPorts(
    count: number,
    startAt: number,
    roles: readonly string[],
    shunned: (port: number) => boolean,
  ): number[] | undefined {
    if (count === 0) return [];
    const pieces = this.#ports.filter((piece) => roles.includes(piece.role));
    const total = pieces.reduce((sum, piece) => sum + piece.end - piece.begin + 1, 0);
    if (total < count) return undefined;
    const picked: number[] = [];
    let skip = Math.min(total - 1, Math.floor(startAt * total));
    let index = 0;
    for (;;) {
      const piece = pieces[index];
      if (!piece) return undefined;
      const size = piece.end - piece.begin + 1;
      if (skip < size) break;
      skip -= size;
      index += 1;
    }
    for (let walked = 0; walked < total; ) {
      const piece = pieces[index];
      if (!piece) return undefined;
      for (let port = piece.begin + skip; port <= piece.end && walked < total; port++, walked++) {
        if (shunned(port)) continue;
        picked.push(port);
        if (picked.length === count) return picked;
      }
      skip = 0;
      index = (index + 1) % pieces.length;
    }
    return undefined;
  }

  /** Takes exactly these ports; the caller has got them from `pickPorts` or checked `hasPort`. */
  takePorts(ports: readonly number[], roles: readonly string[]): Resource[] {
    const bySource = new Map<Resource, number[]>();
    for (const port of ports) {
      const index = this.#ports.findIndex(
        (piece) => piece.begin <= port && port <= piece.end && roles.includes(piece.role),
      );
      const piece = this.#ports[index];
      assert(piece, `offer ${this.offerId} was asked for port ${port} which it does not have left`);
      const around: PortPiece[] = [];
      if (piece.begin < port) around.push({ ...piece, end: port - 1 });
      if (port < piece.end) around.push({ ...piece, begin: port + 1 });
      this.#ports.splice(index, 1, ...around);
      const taken = bySource.get(piece.source);
      if (taken) taken.push(port);
      else bySource.set(piece.source, [port]);
    }
    return [...bySource].map(([source, taken]) => ({ ...source, ranges: { range: rangesOf(taken) } }));
  }
}

/** Single ports as the fewest ranges. */
export function rangesOf(ports: readonly number[]): { begin: number; end: number }[] {
  const ranges: { begin: number; end: number }[] = [];
  for (const port of [...ports].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && last.end + 1 === port) last.end = port;
    else ranges.push({ begin: port, end: port });
  }
  return ranges;
}
