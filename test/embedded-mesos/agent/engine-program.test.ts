import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { engineProgram } from '../../../src/embedded-mesos/agent/exec/engine-program.js';
import type { ProgramEnd } from '../../../src/embedded-mesos/agent/exec/host-messages.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { waitFor } from '../support/patient-wait.js';

/** An engine that knows one program, which takes no size before it was asked `sizeRefusals` times. */
class Engine {
  readonly socketPath = join(temporaryFolder('engine'), 'engine.sock');
  readonly asked: string[] = [];
  readonly server: Server;
  facts = { Running: true, ExitCode: null as number | null, Pid: 0 };
  stream: Duplex | undefined;

  constructor(private sizeRefusals: number) {
    this.server = createServer((request, response) => this.#answer(request, response));
    this.server.on('upgrade', (request, socket) => {
      this.asked.push(request.url ?? '');
      socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
      socket.on('data', (chunk: Buffer) => this.asked.push(`input ${chunk}`));
      this.stream = socket;
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((listening) => this.server.listen(this.socketPath, listening));
  }

  async stop(): Promise<void> {
    this.stream?.destroy();
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? '';
    if (url.endsWith('/json')) {
      response.end(JSON.stringify(this.facts));
      return;
    }
    this.asked.push(url);
    if (url.endsWith('/exec')) {
      response.end(JSON.stringify({ Id: 'e1' }));
    } else if (this.sizeRefusals > 0) {
      this.sizeRefusals--;
      response.statusCode = 500;
      response.end(JSON.stringify({ message: 'no such exec' }));
    } else response.end();
  }
}

describe('a program in a container of a Docker engine', () => {
  let engine: Engine;
  let ends: ProgramEnd[];
  const run = (): ReturnType<typeof engineProgram> => {
    const heard: ProgramEnd[] = [];
    ends = heard;
    return engineProgram(
      {
        socketPath: engine.socketPath,
        container: 'c1',
        argv: ['sh'],
        environment: [],
        workingFolder: '/',
      },
      { input: true, terminal: { rows: 30, columns: 100 } },
      { onOutput: () => undefined, onDrain: () => undefined, onEnd: (end) => void heard.push(end) },
    );
  };

  afterEach(() => engine.stop());

  it('has the size of its terminal before it hears anything, though the engine takes none at first', async () => {
    engine = new Engine(3);
    await engine.start();
    const program = await run();
    program.write(Buffer.from('stty size'));
    await waitFor(() => engine.asked.some((each) => each.startsWith('input')));
    const size = '/exec/e1/resize?h=30&w=100';
    expect(engine.asked).toEqual([
      '/containers/c1/exec',
      '/exec/e1/start',
      ...[size, size, size, size],
      'input stty size',
    ]);
  });

  it('that has ended before it had a size is over, with its exit code', async () => {
    engine = new Engine(Number.POSITIVE_INFINITY);
    await engine.start();
    engine.facts = { Running: false, ExitCode: 7, Pid: 0 };
    await run();
    engine.stream?.end();
    await waitFor(() => ends.length > 0);
    expect(ends).toEqual([{ code: 7 }]);
  });
});
