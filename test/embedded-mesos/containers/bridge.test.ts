import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, readdirSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import fc from 'fast-check';
import type { ContainerSpec } from '../../../src/embedded-mesos/containers/containerizer.js';
import {
  bridgePrefix,
  freeAddress,
  hasLoopbackResolversOnly,
  networkName,
  rulesText,
  tableName,
  wireName,
} from '../../../src/embedded-mesos/containers/decide/bridge-network.js';
import { PortBlock } from '../../e2e/support/port-block.js';
import { waitFor } from '../support/patient-wait.js';
import { ContainerWorld, isRoot } from './container-world.js';

const can = isRoot && ['nft', 'ip'].every((tool) => spawnSync(tool, ['-V']).status === 0);
if (!can) console.info('skipped: networks of their own need root, ip and nft');
const asRoot = can ? describe : describe.skip;

const service = `
  require("http").createServer((request, response) => response.end("web")).listen(8080);
  const udp = require("dgram").createSocket("udp4");
  udp.on("message", (text, from) => udp.send("heard " + text, from.port, from.address)).bind(8053);
  console.log(Object.values(require("os").networkInterfaces()).flat().map((one) => one.address).join(" "));
`;

asRoot('a plain process with a network of its own', () => {
  let world: ContainerWorld;
  let block: PortBlock;
  let taken = 0;
  let tcp = 0;
  let udp = 0;

  /**
   * Two host ports of our own. A mapping binds no socket: the kernel would give a port of its ephemeral range to any other test
   * as well, whose server would then be out of reach.
   */
  const nextPorts = (): readonly [number, number] => {
    const first = block.first + (taken % 100) * 2;
    taken++;
    return [first, first + 1];
  };

  beforeAll(() => {
    block = PortBlock.take();
  });
  afterAll(() => block.release());

  beforeEach(async () => {
    world = new ContainerWorld({ bridges: true });
    await world.start();
    [tcp, udp] = nextPorts();
  });

  afterEach(async () => {
    expect(await world.close()).toEqual({ processes: [], groups: [] });
    expect(readdirSync('/run/netns').filter((name) => name.includes(world.instanceId))).toEqual([]);
    const table = spawnSync('nft', ['list', 'table', 'ip', tableName(world.instanceId)]);
    expect(table.status).not.toBe(0);
  });

  const server = (more: Partial<ContainerSpec> = {}): string =>
    world.launch('', {
      command: { shell: false, value: process.execPath, arguments: ['node', '-e', service] },
      limits: { cpus: 1, memMiB: 512 },
      bridge: {
        portMappings: [
          { hostPort: tcp, containerPort: 8080, protocols: ['tcp'] },
          { hostPort: udp, containerPort: 8053, protocols: ['udp'] },
        ],
      },
      ...more,
    });

  /** Over a connection of its own each time: one that is there already is led on without any rule. */
  const answer = (): Promise<string | undefined> =>
    new Promise((resolve) => {
      get({ host: '127.0.0.1', port: tcp, agent: false, timeout: 5_000 }, (response) => {
        response.on('data', (text: Buffer) => resolve(text.toString()));
      })
        .on('timeout', () => resolve(undefined))
        .on('error', () => resolve(undefined));
    });
  const answers = (): Promise<string> => waitFor(answer, { timeoutMs: 60_000, what: 'an answer' });

  it('is reached at its host ports, by tcp and udp, and sees only its own interfaces', async () => {
    const id = server();
    expect(await answers()).toBe('web');
    const socket = createSocket('udp4');
    let heard: string | undefined;
    socket.on('message', (text) => {
      heard = text.toString();
    });
    // It may listen for datagrams later than for connections, and a datagram may be lost.
    await waitFor(
      () => {
        socket.send('hello', udp, '127.0.0.1');
        return heard;
      },
      { timeoutMs: 60_000, what: 'an answer by udp' },
    );
    socket.close();
    expect(heard).toBe('heard hello');
    await waitFor(() => world.output(id).endsWith('\n'), { timeoutMs: 60_000, what: 'its output' });
    expect(world.output(id)).toMatch(/^127\.0\.0\.1 (::1 )?\d+\.\d+\.\d+\.\d+( fe80\S+)?\n$/);
    expect((await world.containerizer.entrance(id))?.namespaces).toContain('net');
  });

  it('is reached while the agent is away, and after its restart', async () => {
    const id = server({ isolation: 'strict' });
    expect(await answers()).toBe('web');
    await world.containerizer.stop();
    expect(await answer()).toBe('web');
    spawnSync('nft', ['delete', 'table', 'ip', tableName(world.instanceId)]);
    await world.restart();
    await world.started(id);
    expect(await answers()).toBe('web');
  });

  it('gives its ports up with its end, and others keep theirs', async () => {
    const first = server();
    expect(await answers()).toBe('web');
    const port = tcp;
    [tcp, udp] = nextPorts();
    const second = server();
    expect(await answers()).toBe('web');
    world.containerizer.kill(first, 0);
    await world.ended(first);
    expect(existsSync(`/run/netns/${networkName(world.instanceId, first)}`)).toBe(false);
    expect(existsSync(`/sys/class/net/${wireName(first)}`)).toBe(false);
    expect(existsSync(join(world.root, 'networks', first))).toBe(false);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    expect(await answer()).toBe('web');
    expect(world.isolation.members(second)).toHaveLength(1);
  });

  it('leaves nothing when it is ended before it began', async () => {
    const id = server();
    world.containerizer.kill(id, 0);
    expect(await world.ended(id)).toEqual({ cancelled: true });
    await waitFor(() => !existsSync(join(world.root, 'networks', id)), {
      timeoutMs: 60_000,
      what: 'its network to go',
    });
  });
});

asRoot('an agent that makes no networks', () => {
  it('refuses a task that asks for one', async () => {
    const world = new ContainerWorld();
    await world.start();
    const { end } = await world.run('true', { bridge: { portMappings: [] } });
    expect(end.failure).toContain('it asks for a network of its own, but');
    expect(await world.close()).toEqual({ processes: [], groups: [] });
  });
});

describe('the network of plain processes', () => {
  const header = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n';
  const route = (destination: string, mask: string): string =>
    `eth0\t${destination}\t00000000\t0001\t0\t0\t0\t${mask}\t0\t0\t0\n`;

  it('is the first that the host has no use for', () => {
    expect(bridgePrefix(header)).toBe('172.29');
    expect(bridgePrefix(header + route('00000000', '00000000'))).toBe('172.29');
    expect(bridgePrefix(`${header}${route('00001DAC', '0000FFFF')}`)).toBe('10.213');
    expect(
      bridgePrefix(`${header}${route('000010AC', '0000F0FF')}${route('0000000A', '000000FF')}`),
    ).toBeUndefined();
    // A route to one address is another agent's container.
    expect(bridgePrefix(`${header}${route('02001DAC', 'FFFFFFFF')}`)).toBe('172.29');
  });

  it('gives out each address once, never one that is routed, and those given up last', () => {
    const routes = header + route('03001DAC', 'FFFFFFFF');
    const first = freeAddress('172.29', routes, new Set(), 0);
    expect(first?.address).toBe('172.29.0.2');
    expect(freeAddress('172.29', routes, new Set(), first?.index ?? 0)?.address).toBe('172.29.0.4');
    fc.assert(
      fc.property(
        fc.nat(65_534),
        fc.uniqueArray(fc.integer({ min: 2, max: 65_534 }), { maxLength: 20 }),
        (last, given) => {
          const taken = new Set(given.map((index) => `172.29.${index >> 8}.${index & 0xff}`));
          const found = freeAddress('172.29', routes, taken, last);
          return found !== undefined && !taken.has(found.address) && found.address !== '172.29.0.3';
        },
      ),
    );
  });

  it('knows a host that asks itself for names', () => {
    expect(hasLoopbackResolversOnly('# stub\nnameserver 127.0.0.53\noptions edns0\n')).toBe(true);
    expect(hasLoopbackResolversOnly('nameserver 127.0.0.53\nnameserver 10.0.0.2\n')).toBe(false);
    expect(hasLoopbackResolversOnly('search example.org\n')).toBe(false);
  });

  it('has no rules when nobody is in it', () => {
    expect(rulesText('here', '172.29', [])).toBe('table ip longrun_here\ndelete table ip longrun_here\n');
  });
});
