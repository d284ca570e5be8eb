import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';
import type { ProgramEnd } from '../../../src/embedded-mesos/agent/exec/host-messages.js';
import { pipedProgram } from '../../../src/embedded-mesos/agent/exec/program.js';
import { Session } from '../../../src/embedded-mesos/agent/exec/session.js';
import { waitFor } from '../support/patient-wait.js';

/** One end of a connection that says what is held, and keeps what is sent. */
class Wire extends EventEmitter {
  held = false;
  /** How often it was held for a program that did not read. */
  holds = 0;
  bytes = 0;
  texts: string[] = [];
  closed: number | undefined;
  readonly bufferedAmount = 0;

  pause(): void {
    this.held = true;
    this.holds++;
  }
  resume(): void {
    this.held = false;
  }
  send(data: Buffer | string, done?: () => void): void {
    if (typeof data === 'string') this.texts.push(data);
    else this.bytes += data.length - 1;
    if (done) setImmediate(done);
  }
  close(code: number): void {
    this.closed = code;
  }
  ping(): void {}
  terminate(): void {}
}

const LARGE = Buffer.concat([Buffer.from([0]), Buffer.alloc(60_000, 'x')]);
const endOfInput = Buffer.from('{"type":"end-of-input"}');

describe('a session in which nothing is said', () => {
  it('is ended with its program after the limit, which every byte gives anew', async () => {
    const wire = new Wire();
    let over: ProgramEnd | undefined;
    const session = new Session(wire as unknown as WebSocket, {
      input: true,
      idleMs: 500,
      onOver: (end) => {
        over = end;
      },
    });
    // It is silent only after some four times the limit.
    const script =
      'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo; sleep 0.1; done; exec sleep 1000';
    const entering = { program: '/bin/sh', args: ['-c', script], environment: { PATH: '/usr/bin:/bin' } };
    await session.start((listeners) => pipedProgram(entering, true, listeners));
    await waitFor(() => over !== undefined, { what: 'the end' });
    expect(wire.texts).toEqual(['{"type":"error","message":"nothing was said for 1 s"}']);
    expect(wire.closed).toBe(1008);
    expect(wire.bytes).toBeGreaterThan(0);
  });
});

describe('a session whose program reads slowly', () => {
  let wire: Wire;
  let over: ProgramEnd | undefined;

  async function begin(script: string): Promise<void> {
    wire = new Wire();
    over = undefined;
    const session = new Session(wire as unknown as WebSocket, {
      input: true,
      idleMs: 60_000,
      onOver: (end) => {
        over = end;
      },
    });
    const entering = { program: '/bin/sh', args: ['-c', script], environment: { PATH: '/usr/bin:/bin' } };
    await session.start((listeners) => pipedProgram(entering, true, listeners));
    expect(wire.held).toBe(false);
    wire.holds = 0;
  }

  const untilHeld = (): void => {
    for (let pieces = 0; !wire.held && pieces < 1_000; pieces++) wire.emit('message', LARGE, true);
    expect(wire.held).toBe(true);
  };

  it('holds its connection, and goes on when the program has read', async () => {
    await begin('sleep 0.2; exec cat');
    untilHeld();
    await waitFor(() => !wire.held, { what: 'the connection to go on' });
    wire.emit('message', endOfInput, false);
    await waitFor(() => over !== undefined, { what: 'the end' });
    expect(wire.bytes % 60_000).toBe(0);
    expect(wire.texts).toEqual(['{"type":"exit","code":0}']);
  });

  it('hears what comes after the end of the input, though that came while the connection was held', async () => {
    await begin('sleep 0.2; exec cat');
    untilHeld();
    wire.emit('message', endOfInput, false);
    expect(wire.held).toBe(false);
    wire.emit('message', LARGE, true);
    expect(wire.held).toBe(false);
    await waitFor(() => over !== undefined, { what: 'the end' });
    expect(wire.closed).toBe(1000);
  });

  it('hears the other side’s close when the program has ended without reading', async () => {
    await begin('sleep 0.2; exit 3');
    untilHeld();
    await waitFor(() => over !== undefined, { what: 'the end' });
    expect(over).toEqual({ code: 3 });
    expect(wire.held).toBe(false);
  });

  it('is not held when its program could not be started', async () => {
    wire = new Wire();
    const session = new Session(wire as unknown as WebSocket, {
      input: true,
      idleMs: 60_000,
      onOver: () => undefined,
    });
    await session.start(() => Promise.reject(new Error('no such container')));
    expect(wire.held).toBe(false);
    expect(wire.texts).toEqual(['{"type":"error","message":"no such container"}']);
  });
});
