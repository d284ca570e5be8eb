import type { AppEndpoints } from './endpoint.js';
import type { EndpointBook } from './endpoint-book.js';
import type { NamesMessage } from './names-message.js';

/** Apps in one message. */
const APPS_PER_MESSAGE = 200;

/** Instances of one app that have names: more than any answer has room for, and few enough to be taken over in one turn. */
export const MAX_NAMED = 500;

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
    this.#unsubscribe = this.options.book.onChange((changed) => {
      const apps = changed.map(named);
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
    const apps = [...book.all()].map(named);
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

function named(app: AppEndpoints): AppEndpoints {
  return app.endpoints.length <= MAX_NAMED ? app : { ...app, endpoints: app.endpoints.slice(0, MAX_NAMED) };
}
