import { request } from 'node:http';

export interface StreamEvent {
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly atMs: number;
}

/** Follows /v2/events; times stamp the arrival of the bytes. */
export class EventStream {
  #close: () => void = () => undefined;
  constructor(
    private readonly api: string,
    private readonly onEvent: (event: StreamEvent) => void,
    private readonly types: readonly string[] = [],
  ) {}

  async open(): Promise<void> {
    const query = this.types.map((type) => `event_type=${type}`).join('&');
    await new Promise<void>((ready, failed) => {
      const req = request(
        new URL(`/v2/events?${query}`, this.api),
        { headers: { accept: 'text/event-stream' }, agent: false },
        (response) => {
          let buffer = '';
          ready();
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            const atMs = performance.now();
            buffer += chunk;
            for (;;) {
              const end = buffer.indexOf('\n\n');
              if (end < 0) return;
              const frame = buffer.slice(0, end);
              buffer = buffer.slice(end + 2);
              const type = /^event: (.*)$/m.exec(frame)?.[1];
              const data = /^data: (.*)$/m.exec(frame)?.[1];
              if (type && data)
                this.onEvent({ type, data: JSON.parse(data) as Record<string, unknown>, atMs });
            }
          });
        },
      );
      req.on('error', failed);
      req.end();
      this.#close = () => req.destroy();
    });
  }

  close(): void {
    this.#close();
  }
}
