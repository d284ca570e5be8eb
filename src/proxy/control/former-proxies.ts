/**
 * Keeps the ids of the proxies that hold a lease across restarts of the server, so that a fresh server knows for whom it
 * must wait before it believes that no proxy still routes by an old table.
 */
export interface ProxyMemory {
  load(): readonly string[];
  /** Called when the set changes; need not be durable when it returns. */
  save(proxyIds: readonly string[]): void;
}

/**
 * The proxies of the former server's time. Until each has come back, or a lease has passed, nothing counts as confirmed.
 * Without a memory any proxy may exist, so the whole lease is waited for.
 */
export class FormerProxies {
  readonly #missing: Set<string> | undefined;
  #over = false;

  constructor(memory: ProxyMemory | undefined) {
    this.#missing = memory ? new Set(memory.load()) : undefined;
  }

  /** Whether an unknown proxy may still route by an old table. */
  get awaited(): boolean {
    return !this.#over && this.#missing?.size !== 0;
  }

  /** Those not yet back: a server that dies again meanwhile must still find them. */
  get missing(): readonly string[] {
    return this.#over ? [] : [...(this.#missing ?? [])];
  }

  cameBack(proxyId: string): void {
    this.#missing?.delete(proxyId);
  }

  leasePassed(): void {
    this.#over = true;
  }
}
