import fc from 'fast-check';
import { LogLevels, ROOT_LOGGER } from '../../src/logging/log-levels.js';
import { makeLog } from '../../src/logging/pino-log.js';

const levels = ['debug', 'info', 'warn', 'error'] as const;

describe.each(['text', 'json'] as const)('levels that change while a %s log runs', (format) => {
  it('hold for logs that were made before, room by room', () => {
    const lines: string[] = [];
    const changeable = new LogLevels('info');
    const destination = { write: (text: string) => lines.push(text) };
    const root = makeLog({ level: 'info', format, destination, levels: changeable });
    const [apps, health] = [root.child('apps'), root.child('health')];
    apps.debug('unheard');
    changeable.set('apps', 'debug');
    apps.debug('from apps');
    health.debug('unheard');
    changeable.set(ROOT_LOGGER, 'error');
    health.warn('unheard');
    apps.debug('apps again');
    changeable.set(ROOT_LOGGER, undefined);
    changeable.set('apps', undefined);
    apps.debug('unheard');
    root.info('root');
    expect(lines.map((line) => /from apps|apps again|root|unheard/.exec(line)?.[0])).toEqual([
      'from apps',
      'apps again',
      'root',
    ]);
  });
});

it('a room without a level of its own follows the root, whatever happened before (property)', () => {
  const logger = fc.constantFrom(ROOT_LOGGER, 'a', 'b');
  const step = fc.tuple(logger, fc.option(fc.constantFrom(...levels), { nil: undefined }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const changeable = new LogLevels('info');
      const thresholds = { a: changeable.thresholdOf('a'), b: changeable.thresholdOf('b') };
      for (const [name, level] of steps) changeable.set(name, level);
      for (const room of ['a', 'b'] as const) {
        const expected = changeable.own(room) ?? changeable.own(ROOT_LOGGER) ?? 'info';
        const heard = levels.filter((level) => LogLevels.passes(level, thresholds[room]));
        expect(heard).toEqual(levels.slice(levels.indexOf(expected)));
      }
    }),
  );
});
