import fc from 'fast-check';
import type { ContainerSpec } from '../../../src/embedded-mesos/containers/containerizer.js';
import {
  createOptions,
  limitOptions,
  SANDBOX_IN_IMAGE,
} from '../../../src/embedded-mesos/containers/decide/docker-create.js';
import {
  dockerEnd,
  dockerStep,
  type EngineState,
} from '../../../src/embedded-mesos/containers/decide/docker-end.js';
import {
  type LogEntry,
  LogResume,
  readLogFrames,
  readTerminalLog,
  sinceText,
} from '../../../src/embedded-mesos/containers/decide/docker-log.js';
import { dockerRefusal, sizeBytes } from '../../../src/embedded-mesos/containers/decide/docker-parameters.js';
import type { DockerSpec } from '../../../src/embedded-mesos/containers/docker/docker-spec.js';

const docker: DockerSpec = {
  taskId: 'web.1',
  image: 'busybox:1',
  forcePullImage: false,
  privileged: false,
  network: { kind: 'bridge' },
  portMappings: [],
  parameters: [],
  volumes: [],
};
const spec: ContainerSpec = {
  id: 'c1',
  command: { shell: true, value: '', arguments: [] },
  environment: [{ name: 'A', value: '1' }],
  limits: { cpus: 0.5, memMiB: 64 },
};
const facts = { instanceId: 'here', sandbox: '/run/c1', pidsMax: 100 };
const make = (change: Partial<DockerSpec> = {}, more: Partial<ContainerSpec> = {}) =>
  createOptions({ ...spec, ...more }, { ...docker, ...change }, facts);
const strict = { allowPrivileged: false, allowParameters: [] };
const exited: EngineState = {
  status: 'exited',
  pid: 0,
  exitCode: 3,
  oomKilled: false,
  error: '',
  everStarted: true,
};

describe('what the engine is asked to make', () => {
  it('leaves the image its own command when the task names none', () => {
    expect(make()).not.toHaveProperty('Cmd');
    expect(make()).not.toHaveProperty('Entrypoint');
  });

  it('replaces the entry point by a shell for a command line, and gives arguments to the entry point', () => {
    const line = { shell: true, value: 'echo $A', arguments: [] };
    expect(make({}, { command: line })).toMatchObject({ Entrypoint: ['/bin/sh'], Cmd: ['-c', 'echo $A'] });
    const list = make({}, { command: { shell: false, value: 'x', arguments: ['x', 'y'] } });
    expect(list).toMatchObject({ Cmd: ['x', 'y'] });
    expect(list).not.toHaveProperty('Entrypoint');
  });

  it('binds ports on the engine’s networks, and none on the host’s', () => {
    const portMappings = [
      { hostPort: 31000, containerPort: 80, protocol: 'tcp' as const },
      { hostPort: 31001, containerPort: 53, protocol: 'udp' as const },
    ];
    expect(make({ portMappings }).HostConfig.PortBindings).toEqual({
      '80/tcp': [{ HostPort: '31000' }],
      '53/udp': [{ HostPort: '31001' }],
    });
    expect(make({ portMappings, network: { kind: 'host' } }).HostConfig.PortBindings).toEqual({});
  });

  it('mounts the sandbox and volumes, and names a user’s network', () => {
    const volumes = [{ hostPath: '/data', containerPath: '/d', readOnly: true }];
    const { HostConfig } = make({ volumes, network: { kind: 'user', name: 'blue' } });
    expect(HostConfig.Binds).toEqual(['/data:/d:ro', `/run/c1:${SANDBOX_IN_IMAGE}:rw`]);
    expect(HostConfig.NetworkMode).toBe('blue');
  });

  it('keeps its own labels whatever a parameter says', () => {
    const parameters = [
      { key: 'label', value: 'longrun.instance=other' },
      { key: 'label', value: 'team=a' },
    ];
    expect(make({ parameters }).Labels).toMatchObject({ 'longrun.instance': 'here', team: 'a' });
  });

  it('never allows more memory with swap than without', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 1e5, noNaN: true }), (memMiB) => {
        const { Memory, MemorySwap } = limitOptions({ cpus: 1, memMiB });
        expect(MemorySwap).toBe(Memory);
      }),
    );
    expect(limitOptions({ cpus: 1, memMiB: 64, memLimitMiB: Number.POSITIVE_INFINITY }).Memory).toBe(0);
    expect(limitOptions({ cpus: 1, memMiB: 64, cpusLimit: 0.5 }).CpuQuota).toBe(50_000);
  });
});

describe('what an agent refuses', () => {
  it('refuses privileges and guarded parameters that are not allowed by name', () => {
    expect(dockerRefusal({ privileged: true, parameters: [] }, strict)).toMatch('--docker-allow-privileged');
    const parameters = [{ key: 'cap-add', value: 'SYS_ADMIN' }];
    expect(dockerRefusal({ privileged: false, parameters }, strict)).toMatch('--docker-allow-parameters');
    const allowing = { allowPrivileged: false, allowParameters: ['cap-add'] };
    expect(dockerRefusal({ privileged: false, parameters }, allowing)).toBeUndefined();
    expect(
      dockerRefusal({ privileged: false, parameters: [{ key: 'nonsense', value: '' }] }, allowing),
    ).toMatch('not known');
  });

  it('reads sizes as docker run does', () => {
    expect([sizeBytes('64m'), sizeBytes('1g'), sizeBytes('10')]).toEqual([67_108_864, 1_073_741_824, 10]);
    expect(() => sizeBytes('much')).toThrow(RangeError);
  });
});

describe('the steps of a container', () => {
  it('never makes one again that was started once', () => {
    expect(dockerStep(undefined, false)).toBe('create');
    expect(dockerStep(undefined, true)).toBe('lost');
    expect(dockerStep(exited, true)).toBe('end');
    expect(dockerStep({ ...exited, status: 'created', everStarted: false }, true)).toBe('start');
    expect(dockerStep({ ...exited, status: 'running' }, true)).toBe('follow');
  });

  it('tells exits, signals, memory and starts that failed apart', () => {
    expect(dockerEnd(exited, spec.limits)).toEqual({ exit: { code: 3 } });
    expect(dockerEnd({ ...exited, exitCode: 137 }, spec.limits)).toEqual({ exit: { signal: 9 } });
    expect(dockerEnd({ ...exited, exitCode: 137, oomKilled: true }, spec.limits).limitation?.limitMiB).toBe(
      64,
    );
    expect(dockerEnd({ ...exited, everStarted: false, error: 'no port' }, spec.limits).failure).toMatch(
      'no port',
    );
  });
});

describe('the output', () => {
  const frame = (stream: 1 | 2, text: string): Buffer => {
    const body = Buffer.from(text);
    const head = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
    head.writeUInt32BE(body.length, 4);
    return Buffer.concat([head, body]);
  };

  it('is read the same wherever the stream is cut', () => {
    const whole = Buffer.concat([
      frame(1, '2026-01-01T00:00:00.5Z a b\n'),
      frame(2, '2026-01-01T00:00:01Z c\n'),
    ]);
    for (let cut = 0; cut <= whole.length; cut++) {
      const first = readLogFrames(whole.subarray(0, cut));
      const second = readLogFrames(Buffer.concat([first.rest, whole.subarray(cut)]));
      const texts = [...first.entries, ...second.entries].map(({ stream, text }) => `${stream}:${text}`);
      expect(texts).toEqual(['stdout:a b\n', 'stderr:c\n']);
    }
  });

  it('of a terminal is read the same wherever the stream is cut, endless lines and a last prompt included', () => {
    const stamp = (second: number): string => `2026-01-01T00:00:0${second}.123456789Z `;
    const endless = 'x'.repeat(16 * 1024);
    const whole = Buffer.from(
      `${stamp(1)}a b\r\n${stamp(1)}${endless}${stamp(2)}${endless}${stamp(3)}end\n${stamp(4)}\n${stamp(5)}$ `,
    );
    const expected = ['a b\r\n', endless, endless, 'end\n', '\n', '$ '];
    for (let cut = 0; cut <= whole.length; cut += cut < 100 || cut > whole.length - 100 ? 1 : 97) {
      const first = readTerminalLog(whole.subarray(0, cut));
      const second = readTerminalLog(Buffer.concat([first.rest, whole.subarray(cut)]));
      const last = readTerminalLog(second.rest, true);
      const entries = [...first.entries, ...second.entries, ...last.entries];
      expect(entries.map(({ text }) => String(text))).toEqual(expected);
      expect(entries.map(({ at }) => Number(at.slice(18, 19)))).toEqual([1, 1, 2, 3, 4, 5]);
      expect(last.rest).toHaveLength(0);
    }
    expect(() => readTerminalLog(Buffer.from('no timestamp\n'))).toThrow(RangeError);
  });

  it('is neither lost nor doubled wherever following breaks off', () => {
    const times = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 30 });
    fc.assert(
      fc.property(times, fc.nat(30), (steps, breakAt) => {
        const all: LogEntry[] = [...steps]
          .sort()
          .map((at, index) => ({ stream: 'stdout', at: `t${at}`, text: Buffer.from(String(index)) }));
        const before = new LogResume({ at: '', entries: 0 });
        const written = all.slice(0, breakAt).filter((entry) => before.accept(entry));
        const after = new LogResume(before.at);
        after.again();
        const again = all.filter(({ at }) => at >= before.at.at).filter((entry) => after.accept(entry));
        expect([...written, ...again]).toEqual(all);
      }),
    );
  });

  it('asks the engine with nanoseconds', () => {
    expect(sinceText({ at: '2026-01-01T00:00:00.123456789Z', entries: 1 })).toBe('1767225600.123456789');
    expect(sinceText({ at: '', entries: 0 })).toBe('0');
  });
});
