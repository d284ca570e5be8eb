import { expectContractAnswer, headerTexts } from '../../support/checked-answers.js';

export interface ReadEvent {
  readonly id: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A client of `/v2/events`: keeps what it read, can be cut off and resume by its last id. */
export class EventReader {
  readonly events: ReadEvent[] = [];
  /** Id of the last frame, also of one without data. */
  lastId = '';
  position = '';
  #abort = new AbortController();
  #ended: Promise<void> = Promise.resolve();

  /** Connects; resolves once the answer's head is here. */
  async open(
    api: string,
    { query = '', lastEventId }: { query?: string; lastEventId?: string } = {},
  ): Promise<void> {
    this.#abort = new AbortController();
    const answer = await fetch(new URL(`/v2/events${query}`, api), {
      headers: {
        accept: 'text/event-stream',
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      },
      signal: this.#abort.signal,
    });
    expectContractAnswer({
      method: 'GET',
      path: `/v2/events${query}`,
      status: answer.status,
      headers: headerTexts(answer.headers),
      body: undefined,
    });
    if (answer.status !== 200 || !answer.body) throw new Error(`/v2/events answered ${answer.status}`);
    this.position = answer.headers.get('x-event-position') ?? '';
    this.#ended = this.#read(answer.body).catch(() => undefined);
  }

  /** Breaks the connection, as a bad network would. */
  async cut(): Promise<void> {
    this.#abort.abort();
    await this.#ended;
  }

  of(type: string): ReadEvent[] {
    return this.events.filter((event) => event.type === type);
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        this.#frame(text.slice(0, end));
        text = text.slice(end + 2);
      }
    }
  }

  #frame(frame: string): void {
    const fields = new Map(
      frame
        .split('\n')
        .filter((line) => !line.startsWith(':'))
        .map(
          (line) =>
            [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trimStart()] as const,
        ),
    );
    this.lastId = fields.get('id') ?? this.lastId;
    const data = fields.get('data');
    if (data !== undefined)
      this.events.push({
        id: this.lastId,
        type: fields.get('event') ?? '',
        data: JSON.parse(data) as Record<string, unknown>,
      });
  }
}
