import type { ServerConnection } from './server-connection.js';

/** An answer that is no success, or none at all. `message` and `hint` are meant for people. */
export class RestError extends Error {
  override readonly name = 'RestError';
  constructor(
    message: string,
    readonly hint: string,
    /** 0: there was no answer. */
    readonly status: number,
    readonly details?: unknown,
  ) {
    super(message);
  }
}

export interface RestAnswer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export interface StreamedEvent {
  readonly id: string;
  readonly type: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Longest wait for an ordinary answer. */
const ANSWER_MS = 30_000;

/** Longest frame of the event stream that is taken. */
const MAX_FRAME_CHARACTERS = 16 * 1024 * 1024;

/** Speaks to a longrun server's REST API. */
export class RestClient {
  readonly url: string;
  readonly #base: string;
  readonly connection: ServerConnection;

  /** A plain URL is a server that asks nobody who they are. */
  constructor(connection: string | ServerConnection) {
    this.connection = typeof connection === 'string' ? { url: connection } : connection;
    this.url = this.connection.url;
    this.#base = this.url.replace(/\/+$/, '');
  }

  /** The parsed JSON answer. Throws RestError unless the status is 2xx. */
  async ask<T>(method: string, path: string, body?: unknown): Promise<RestAnswer<T>> {
    const response = await this.#fetch(path, {
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.timeout(ANSWER_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const value = parseJson(text);
    if (!response.ok) throw refusal(response.status, text, value);
    return { status: response.status, headers: response.headers, body: value as T };
  }

  async get<T>(path: string): Promise<T> {
    return (await this.ask<T>('GET', path)).body;
  }

  /**
   * The event stream. The promise resolves when the server has attached it, so that nothing that is asked for
   * afterwards is missed; the iteration ends when the connection does.
   */
  async events(
    types: readonly string[],
    options: { readonly signal: AbortSignal; readonly lastEventId?: string },
  ): Promise<AsyncIterable<StreamedEvent>> {
    const query = types.map((type) => `event_type=${encodeURIComponent(type)}`).join('&');
    const response = await this.#fetch(`/v2/events?${query}`, {
      headers: {
        accept: 'text/event-stream',
        ...(options.lastEventId === undefined ? {} : { 'last-event-id': options.lastEventId }),
      },
      signal: options.signal,
    });
    if (!response.ok || response.body === null) {
      const text = await response.text();
      throw refusal(response.status, text);
    }
    return readFrames(response.body);
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const { authorization, dispatcher } = this.connection;
    const headers = {
      ...(init.headers as Record<string, string>),
      ...(authorization ? { authorization } : {}),
    };
    const request = { ...init, headers };
    try {
      if (dispatcher === undefined) return await fetch(this.#base + path, request);
      // Node's own fetch takes no dispatcher of another version of its library.
      const { fetch: fetchBy } = await import('undici');
      return (await fetchBy(this.#base + path, { ...request, dispatcher } as never)) as unknown as Response;
    } catch (error) {
      if (error instanceof Error && error.name === 'TimeoutError') {
        throw new RestError(
          `${this.url} did not answer within ${ANSWER_MS / 1000} s`,
          'Is the server overloaded? Its log may tell.',
          0,
        );
      }
      const cause =
        error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new RestError(
        `no longrun server answers at ${this.url} (${cause})`,
        'Start one with `longrun up`, or name another with --url or LONGRUN_URL.',
        0,
      );
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Not JSON: a proxy's error page, or an empty answer; the caller decides by the status.
    return undefined;
  }
}

/** The error that an answer which is no success tells of. */
export function refusal(status: number, text: string, body: unknown = parseJson(text)): RestError {
  const { message, hint, details } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >;
  return new RestError(
    typeof message === 'string' ? message : `the server answered ${status}: ${text.slice(0, 200)}`,
    typeof hint === 'string' ? hint : '',
    status,
    details,
  );
}

async function* readFrames(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamedEvent> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_FRAME_CHARACTERS) throw new RestError('an event of the server is too large', '', 0);
    const frames = text.split('\n\n');
    text = frames.pop() ?? '';
    for (const frame of frames) {
      const event = parseFrame(frame);
      if (event) yield event;
    }
  }
}

function parseFrame(frame: string): StreamedEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of frame.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ''));
  }
  const body = parseJson(fields.get('data') ?? '');
  if (typeof body !== 'object' || body === null) return undefined;
  return {
    id: fields.get('id') ?? '',
    type: fields.get('event') ?? '',
    body: body as Record<string, unknown>,
  };
}

/** `web`, `/web` and `//web` all name the app `/web`. */
export function appPath(id: string): string {
  return `/v2/apps/${id.split('/').filter(Boolean).map(encodeURIComponent).join('/')}`;
}
