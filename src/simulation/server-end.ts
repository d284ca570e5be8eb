import type { AcceptedLine, LineHandlers, LineHello } from '../util/line/line.js';
import type { ProcessClock } from './process-clock.js';

/**
 * The server's end of a simulated line as its process sees it: nothing arrives while the process is stopped or dead, nothing
 * leaves when it is dead, and whoever watches sees what leaves at the moment it does.
 */
export class ServerEnd<Up, Down> implements AcceptedLine<Up, Down> {
  handlers: LineHandlers<Up> = { onMessage: () => undefined, onReset: () => undefined };

  constructor(
    private readonly line: AcceptedLine<Up, Down>,
    private readonly process: ProcessClock,
    private readonly watch: { sent?(message: Down): void; arrived?(message: Up): void } = {},
  ) {
    line.handlers = {
      onMessage: (message) => {
        watch.arrived?.(message);
        process.run(() => this.handlers.onMessage(message));
      },
      onReset: () => process.run(() => this.handlers.onReset()),
      onConnected: () => process.run(() => this.handlers.onConnected?.()),
      onDisconnected: (reason) => process.run(() => this.handlers.onDisconnected?.(reason)),
    };
  }

  get hello(): LineHello {
    return this.line.hello;
  }

  get remoteAddress(): string {
    return this.line.remoteAddress;
  }

  get connected(): boolean {
    return this.line.connected;
  }

  send(message: Down): void {
    if (!this.process.isAlive) return;
    this.watch.sent?.(message);
    this.line.send(message);
  }

  close(): void {
    if (this.process.isAlive) this.line.close();
  }
}
