import { randomBytes, randomUUID } from 'node:crypto';

/** All that a room may know about chance; the simulated world passes a seeded one. */
export interface Dice {
  /** A random (version 4) UUID. */
  uuid(): string;
  /** A time-based (version 1) UUID, as Marathon's instance ids use. */
  timeUuid(): string;
  /** Uniform in [0, 1). */
  random(): number;
}

/** Offset of the UUID epoch (1582-10-15) from the Unix epoch in 100 ns units, RFC 9562 section 5.1. */
const UUID_EPOCH_OFFSET = 122_192_928_000_000_000n;

/** Builds a version 1 UUID from 100 ns ticks since the Unix epoch, RFC 9562 section 5.1. */
export function uuidV1(unixTicks100ns: bigint, clockSequence: number, node: Uint8Array): string {
  const t = unixTicks100ns + UUID_EPOCH_OFFSET;
  const hex = (value: bigint, digits: number): string => value.toString(16).padStart(digits, '0');
  const low = hex(t & 0xffffffffn, 8);
  const mid = hex((t >> 32n) & 0xffffn, 4);
  const high = hex(((t >> 48n) & 0x0fffn) | 0x1000n, 4);
  const seq = ((clockSequence & 0x3fff) | 0x8000).toString(16).padStart(4, '0');
  const nodeHex = Array.from(node.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${low}-${mid}-${high}-${seq}-${nodeHex}`;
}

/** The real dice. */
export class SystemDice implements Dice {
  #lastTicks = 0n;
  readonly #node = randomBytes(6);
  readonly #sequence = randomBytes(2).readUInt16BE();

  constructor() {
    this.#node[0] = (this.#node[0] ?? 0) | 1;
  }

  uuid(): string {
    return randomUUID();
  }

  timeUuid(): string {
    const ticks = BigInt(Date.now()) * 10_000n;
    this.#lastTicks = ticks > this.#lastTicks ? ticks : this.#lastTicks + 1n;
    return uuidV1(this.#lastTicks, this.#sequence, this.#node);
  }

  random(): number {
    return Math.random();
  }
}

/** Seeded dice (mulberry32): the same seed gives the same run. */
export class SeededDice implements Dice {
  #state: number;
  #count = 0n;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  uuid(): string {
    const hex = Array.from({ length: 32 }, () => Math.floor(this.random() * 16).toString(16)).join('');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  timeUuid(): string {
    this.#count += 1n;
    const node = Uint8Array.from({ length: 6 }, () => Math.floor(this.random() * 256));
    return uuidV1(this.#count, 1, node);
  }
}
