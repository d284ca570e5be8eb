import type { EndpointBook } from './endpoint-book.js';
import type { NamesMessage } from './names-message.js';

/** Apps in one message. */
const APPS_PER_MESSAGE = 200;

export interface NamesFeedOptions {
  readonly book: EndpointBook;
  readonly leader: NamesMessage['leader'];
}

/** Tells any number of name servers everything once, and then what changes. */
export class NamesFeed {
  readonly #followers = new Set<(message: NamesMessage) => void>();
  #unsubscribe: (() => void) | undefined;

  constructor(private readonly options: NamesFeedOptions) {}

  start(): void {
    let told = this.options.book.complete;
    this.#unsubscribe = this.options.book.onChange((apps) => {
      for (const send of this.#followers) {
        if (told) send({ type: 'NAMES', apps });
        else this.#tellAll(send);
      }
      told = true;
    });
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#followers.clear();
  }

  /** `send` is told everything, at once or when it is known. Returns how to end that. */
  follow(send: (message: NamesMessage) => void): () => void {
    this.#followers.add(send);
    if (this.options.book.complete) this.#tellAll(send);
    return () => this.#followers.delete(send);
  }

  #tellAll(send: (message: NamesMessage) => void): void {
    const { book, leader } = this.options;
    const apps = [...book.all()];
    for (let from = 0; from === 0 || from < apps.length; from += APPS_PER_MESSAGE) {
      const isLast = from + APPS_PER_MESSAGE >= apps.length;
      const series = from === 0 ? (isLast ? 'only' : 'first') : isLast ? 'last' : undefined;
      send({
        type: 'NAMES',
        apps: apps.slice(from, from + APPS_PER_MESSAGE),
        ...(series && { series }),
        ...(from === 0 && leader && { leader }),
      });
    }
  }
}
