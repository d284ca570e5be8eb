/** Thrown by `assert`: a broken invariant of our own, never a user's mistake. */
export class InvariantBroken extends Error {
  override readonly name = 'InvariantBroken';
}

/** Stays on in production. `message` says which invariant is broken and with which values. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantBroken(message);
}

/** Ends an exhaustive switch; the compiler proves that it cannot be reached. */
export function assertNever(value: never, what = 'value'): never {
  throw new InvariantBroken(`unexpected ${what}: ${JSON.stringify(value)}`);
}
