import type { Clock } from '../../../util/clock.js';
import type { Engine, RegistryLogin } from './engine.js';

/** A pull that says nothing new for so long has stalled; one that progresses may take as long as it needs. */
export const PULL_STALL_MS = 120_000;

/** Pulls images: one pull per image at a time, which all who need it wait for. */
export class ImagePulls {
  readonly #running = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(
    private readonly engine: Engine,
    private readonly loginFor: (image: string) => RegistryLogin | undefined,
    private readonly clock: Clock,
    private readonly stallMs: number,
  ) {}

  /** Has the image there: pulls it when it is missing, or always (`force`). Throws why not. */
  async provide(image: string, force: boolean): Promise<void> {
    if (!force && (await this.engine.hasImage(image))) return;
    const running = this.#running.get(image);
    if (running) return running;
    const pull = this.#pull(image).finally(() => this.#running.delete(image));
    this.#running.set(image, pull);
    return pull;
  }

  async #pull(image: string): Promise<void> {
    const stalled = new AbortController();
    const abort = (): void => stalled.abort();
    const watch = (): { cancel(): void } => this.clock.after(this.stallMs, abort);
    let timer = watch();
    let last = '';
    const progressed = (status: string): void => {
      if (status === last) return;
      last = status;
      timer.cancel();
      timer = watch();
    };
    try {
      const signal = AbortSignal.any([stalled.signal, this.#stopping.signal]);
      await this.engine.pull(image, this.loginFor(image), progressed, signal);
    } catch (error) {
      if (stalled.signal.aborted)
        throw new Error(`pulling ${image} stalled for ${this.stallMs / 1000} s at '${last}'`);
      throw error;
    } finally {
      timer.cancel();
    }
  }

  /** The engine drops what nobody waits for. */
  stop(): void {
    this.#stopping.abort();
  }
}
