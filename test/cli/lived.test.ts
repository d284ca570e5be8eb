import { lifeOf } from '../../src/cli/rest/history-commands.js';

describe('how long an ended task lived', () => {
  const times = { stagedAt: '2026-01-31T10:00:00.000Z', endedAt: '2026-01-31T10:00:02.000Z' };

  it.each([
    [{ startedAt: '2026-01-31T10:00:00.500Z', cause: { kind: 'exit', code: 1 } }, '1.5 s'],
    [{ cause: { kind: 'exit', code: 1 } }, '< 2.0 s'],
    [{ cause: { kind: 'signal', signal: 'SIGSEGV' } }, '< 2.0 s'],
    [{ cause: { kind: 'launch-failed' } }, 'never ran'],
    [{ cause: { kind: 'killed', reason: 'by a deployment' } }, 'never ran'],
  ] as const)('%j is %s', (task, shown) => {
    expect(lifeOf({ ...times, ...task })).toBe(shown);
  });
});
