import { makeLog } from '../../src/logging/pino-log.js';

function collect(format: 'text' | 'json', level: 'debug' | 'info' | 'warn' = 'info', isTTY = false) {
  const lines: string[] = [];
  const log = makeLog({ level, format, destination: { write: (text) => lines.push(text), isTTY } });
  return { lines, log };
}

describe('the text log', () => {
  it('writes time, level, room, message and facts on one line', () => {
    const { lines, log } = collect('text');
    log
      .child('scheduler', { app: '/a' })
      .info('instance started', { ports: [31000], note: 'two words', none: undefined });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}scheduler {2}instance started app=\/a ports=\[31000\] note="two words"\n$/,
    );
  });

  it('lets nobody forge a line or send escapes to the terminal', () => {
    const { lines, log } = collect('text');
    log.info('a\nb\u001b[2J', { x: 'c\nd', y: 'e\u001b]0;title\u0007', z: 'f\u2028\u009b' });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
    for (const control of ['\u001b', '\u0007', '\u009b', '\u2028']) expect(lines[0]).not.toContain(control);
  });

  it('uses colour on a terminal only', () => {
    const [plain, coloured] = [collect('text'), collect('text', 'info', true)];
    for (const { log } of [plain, coloured]) log.warn('careful');
    expect(plain.lines[0]).not.toContain('\u001b[');
    expect(coloured.lines[0]).toContain('\u001b[33mWARN');
  });
});

describe.each(['text', 'json'] as const)('the %s log', (format) => {
  it('says nothing below its level', () => {
    const { lines, log } = collect(format, 'warn');
    log.debug('a');
    log.info('b');
    log.child('room').info('c');
    log.warn('d');
    log.error('e');
    expect(lines.length).toBe(2);
  });

  it('shows errors with message and code, and survives values that are no JSON', () => {
    const { lines, log } = collect(format);
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    const cause = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    log.error('it failed', { error: new Error('outer', { cause }), big: 10n, loop, call: () => 1 });
    expect(lines).toHaveLength(1);
    for (const part of ['outer', 'no space', 'ENOSPC', '10', 'cannot be shown as JSON'])
      expect(lines[0]).toContain(part);
  });
});

describe('the json log', () => {
  it('writes one JSON value per line with level, room and fields', () => {
    const { lines, log } = collect('json');
    log.child('up', { agentId: 'a0' }).child('agent', { agentId: 'a1' }).info('hello', { n: 1 });
    expect(lines[0]?.match(/"room"/g)).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      room: 'agent',
      agentId: 'a1',
      n: 1,
      message: 'hello',
      pid: process.pid,
    });
    expect(Number.isNaN(Date.parse(JSON.parse(lines[0] ?? '').time))).toBe(false);
  });
});
