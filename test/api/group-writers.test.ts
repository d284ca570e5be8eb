import fc from 'fast-check';
import { type Act, act, bodyOf, naively } from './support/group-acts.js';
import { app, GroupWorld } from './support/group-world.js';
import { NaiveTree } from './support/naive-tree.js';

const WRITERS = 200;

function requestOf(each: Act): { method: string; path: string; body?: unknown } {
  switch (each.kind) {
    case 'put-app':
      return {
        method: 'PUT',
        path: `/v2/apps${each.id}`,
        body: { ...app(each.id), instances: each.instances },
      };
    case 'delete-app':
      return { method: 'DELETE', path: `/v2/apps${each.id}` };
    case 'put-group':
      return { method: 'PUT', path: `/v2/groups${each.group}`, body: bodyOf(each.wanted) };
    case 'delete-group':
      return { method: 'DELETE', path: `/v2/groups${each.group}` };
    case 'scale':
      return { method: 'PUT', path: `/v2/groups${each.group}`, body: { scaleBy: each.by } };
    case 'restore':
      throw new Error('no writer puts a version back: it would have to know one');
  }
}

it('200 parallel writers on overlapping apps and groups: every answer is that of some serial order, nothing is lost', async () => {
  let world = await GroupWorld.start();
  const acts = fc
    .sample(act, { seed: 7, numRuns: 2 * WRITERS })
    .filter(({ kind }) => kind !== 'restore')
    .slice(0, WRITERS);
  expect(acts).toHaveLength(WRITERS);
  const answers = await Promise.all(
    acts.map(async (each) => {
      const { method, path, body } = requestOf(each);
      const answer = await world.ask(method, `${path}?force=true`, body);
      expect(answer.status).toBeLessThan(500);
      const version = answer.status < 300 ? String(answer.json['version']) : undefined;
      return { each, version };
    }),
  );
  const accepted = answers
    .flatMap(({ each, version }) => (version === undefined ? [] : [{ each, version }]))
    .sort((a, b) => (a.version < b.version ? -1 : 1));
  expect(new Set(accepted.map(({ version }) => version)).size).toBe(accepted.length);
  const states = [new NaiveTree()];
  for (const { each } of accepted) {
    const after = naively(states.at(-1) ?? new NaiveTree(), [], each);
    expect([each, after !== undefined]).toEqual([each, true]);
    if (after) states.push(after);
  }
  const last = states.at(-1) ?? new NaiveTree();
  for (const { each, version } of answers) {
    if (version !== undefined) continue;
    expect([each, states.some((state) => naively(state, [], each) === undefined)]).toEqual([each, true]);
  }
  expect(accepted.length).toBeGreaterThan(WRITERS / 3);
  const lines = async (): Promise<string[]> => (await world.tree()).slice(1).sort();
  expect(await lines()).toEqual(last.below('/').filter((line) => line !== '//'));
  world = await world.crash();
  expect(await lines()).toEqual(last.below('/').filter((line) => line !== '//'));
  await world.stop();
}, 30_000);
