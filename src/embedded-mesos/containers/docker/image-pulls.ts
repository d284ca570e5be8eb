import type { Clock } from '../../../util/clock.js';
import { afterPullEvent, type PullEvent, type PullState, pullText } from '../decide/pull-progress.js';
import type { RegistryLogin } from '../decide/registry-login.js';
import type { Engine } from './engine.js';

/** A pull that says nothing new for so long has stalled; one that progresses may take as long as it needs. */
export const PULL_STALL_MS = 120_000;

/** Told what a pull has come to; called with every new word. */
export type PullListener = (text: string) => void;

interface Pull {
  done: Promise<void>;
  readonly listeners: Set<PullListener>;
  text: string;
}

/** Pulls images: one pull per image (and login) at a time, which all who need it wait for and are told of. */
export class ImagePulls {
  readonly #running = new Map<string, Pull>();
  readonly #stopping = new AbortController();

  constructor(
    private readonly engine: Engine,
    private readonly clock: Clock,
    private readonly stallMs: number,
  ) {}

  /** Has the image there: pulls it when it is missing, or always (`force`). Throws why not. */
  async provide(
    image: string,
    force: boolean,
    loginFor: () => Promise<RegistryLogin | undefined>,
    listener: PullListener,
  ): Promise<void> {
    if (!force && (await this.engine.hasImage(image))) return;
    const login = await loginFor();
    const key = `${image} ${login?.username ?? ''} ${login?.password ?? ''}`;
    const pull = this.#running.get(key) ?? this.#begin(key, image, login);
    pull.listeners.add(listener);
    listener(pull.text);
    try {
      await pull.done;
    } finally {
      pull.listeners.delete(listener);
    }
  }

  #begin(key: string, image: string, login: RegistryLogin | undefined): Pull {
    const pull: Pull = {
      done: Promise.resolve(),
      listeners: new Set<PullListener>(),
      text: pullText(image, new Map()),
    };
    const tell = (text: string): void => {
      pull.text = text;
      for (const listener of pull.listeners) listener(text);
    };
    pull.done = this.#pull(image, login, tell).finally(() => this.#running.delete(key));
    this.#running.set(key, pull);
    return pull;
  }

  async #pull(image: string, login: RegistryLogin | undefined, tell: PullListener): Promise<void> {
    const stalled = new AbortController();
    const abort = (): void => stalled.abort();
    const watch = (): { cancel(): void } => this.clock.after(this.stallMs, abort);
    let timer = watch();
    let state: PullState = new Map();
    const progressed = (event: PullEvent): void => {
      const next = afterPullEvent(state, event);
      if (next === state) return;
      state = next;
      tell(pullText(image, state));
      timer.cancel();
      timer = watch();
    };
    try {
      const signal = AbortSignal.any([stalled.signal, this.#stopping.signal]);
      await this.engine.pull(image, login, progressed, signal);
    } catch (error) {
      if (!stalled.signal.aborted) throw error;
      throw new Error(`${pullText(image, state)}: stalled for ${this.stallMs / 1000} s`);
    } finally {
      timer.cancel();
    }
  }

  /** The engine drops what nobody waits for. */
  stop(): void {
    this.#stopping.abort();
  }
}
