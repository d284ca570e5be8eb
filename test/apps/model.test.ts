import { defaults } from './conformance/defaults.js';
import { normalised } from './conformance/normalisations.js';
import { contract } from './support/app-world.js';
import { appOf, presentedModel, readAgainstModel } from './support/model.js';

/** Named by what they are about; a row as one argument, since its length varies. */
const rows = [...normalised, ...defaults].map((row) => [row[0], row] as const);

describe('a definition is normalised:', () => {
  it.each(rows)('%s', (_what, [, body, answer, settings]) => {
    const presented = presentedModel(readAgainstModel({ id: 'a', cmd: 'x', ...body }, settings));
    const fields = presented as unknown as Record<string, unknown>;
    for (const [field, value] of Object.entries(answer))
      expect([field, fields[field]]).toEqual([field, value]);
    expect(contract.check('App', presented)).toEqual([]);
  });

  it.each(rows)('and its answer read again is the same: %s', (_what, [, body, , settings]) => {
    const draft = readAgainstModel({ id: 'a', cmd: 'x', ...body }, settings);
    const answer = {
      ...presentedModel(draft),
      tasksRunning: 1,
      tasks: [],
      deployments: [],
      lastTaskFailure: {},
    };
    expect(readAgainstModel(answer, settings)).toEqual(draft);
    expect(readAgainstModel(answer, settings, appOf(draft))).toEqual(draft);
  });
});
