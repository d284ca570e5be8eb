import {
  checkAcknowledged,
  checkAtRest,
  checkDeployments,
  checkMaximum,
  checkMinimum,
  checkNoErrors,
  checkNoFailedRequests,
  checkOffers,
  checkOneTaskPerInstance,
  checkPersistBeforeAct,
  checkPlacement,
  checkRebuilt,
  checkTables,
  checkTakingOut,
  checkTasks,
  checkVersions,
  judge,
} from '../../src/simulation/checkers.js';
import type { Fact } from '../../src/simulation/facts.js';
import type { Happening } from '../../src/simulation/observer.js';
import { readFinalState } from '../../src/simulation/world-state.js';
import { startWorld, web } from './support.js';

const facts = (...happenings: readonly Happening[]): readonly Fact[] =>
  happenings.map((happening, index) => ({ atMs: index, ...happening }) as Fact);
const [appId, taskId, instanceId] = ['/a' as never, 'a.1' as never, 'a' as never];
const task = (state: 'TASK_STAGING' | 'TASK_KILLED', id = 'a.1'): Happening => ({
  kind: 'task',
  agent: 'x',
  taskId: id as never,
  instanceId,
  state,
});
const kill = {
  kind: 'kill sent',
  agent: 'x',
  taskId,
  durable: true,
  immediate: false,
  routedBy: [],
  inFlight: 0,
  unroutedForMs: 1,
  drainLimitMs: 100,
} as const;
const offer = (what: 'offered' | 'rescinded' | 'accepted' | 'declined'): Happening => ({
  kind: 'offer',
  offerId: 'o',
  what,
});

describe('every checker finds what it is there for', () => {
  it.each<[string, readonly string[], number]>([
    [
      'an early launch',
      checkPersistBeforeAct(facts({ kind: 'launch sent', agent: 'x', taskId, durable: false })),
      1,
    ],
    ['an early kill', checkPersistBeforeAct(facts({ ...kill, durable: false })), 1],
    [
      'an early answer',
      checkPersistBeforeAct(
        facts({
          kind: 'acknowledged',
          request: 1,
          wanted: {},
          durable: false,
          version: '',
          deploymentId: '',
        }),
      ),
      1,
    ],
    [
      'a version that goes back',
      checkVersions(
        facts(
          { kind: 'deployment stored', id: 'd', step: 0 },
          ...['2', '1'].map(
            (version) =>
              ({
                kind: 'acknowledged',
                request: 1,
                wanted: {},
                durable: true,
                version,
                deploymentId: 'd',
              }) as const,
          ),
        ),
      ),
      1,
    ],
    [
      'one instance too many',
      checkMaximum(facts({ kind: 'added', appId, instanceId, occupied: 3, allowed: 2 })),
      1,
    ],
    [
      'no instance too many',
      checkMaximum(facts({ kind: 'added', appId, instanceId, occupied: 2, allowed: 2 })),
      0,
    ],
    [
      'a good one too few',
      checkMinimum(
        facts({
          kind: 'taken out',
          appId,
          instanceId,
          reason: 'scale down',
          wasGood: true,
          goodLeft: 1,
          needed: 2,
        }),
      ),
      1,
    ],
    [
      'a bad one that goes',
      checkMinimum(
        facts({
          kind: 'taken out',
          appId,
          instanceId,
          reason: 'scale down',
          wasGood: false,
          goodLeft: 1,
          needed: 2,
        }),
      ),
      0,
    ],
    [
      'a kill that somebody asked for',
      checkMinimum(
        facts({
          kind: 'taken out',
          appId,
          instanceId,
          reason: 'killed by request',
          wasGood: true,
          goodLeft: 1,
          needed: 2,
        }),
      ),
      0,
    ],
    [
      'a task started twice',
      checkTasks(facts(task('TASK_STAGING'), task('TASK_KILLED'), task('TASK_STAGING'))),
      1,
    ],
    [
      'a task that ends twice',
      checkTasks(facts(task('TASK_STAGING'), task('TASK_KILLED'), task('TASK_KILLED'))),
      1,
    ],
    [
      'two tasks of one instance',
      checkOneTaskPerInstance(facts(task('TASK_STAGING'), task('TASK_STAGING', 'a.2'))),
      1,
    ],
    [
      'a relaunch',
      checkOneTaskPerInstance(facts(task('TASK_STAGING'), task('TASK_KILLED'), task('TASK_STAGING', 'a.2'))),
      0,
    ],
    [
      'an agent that is too full',
      checkPlacement(facts({ kind: 'placed', agent: 'x', over: ['9 cpus of 8'], sharedPorts: [31000] })),
      2,
    ],
    ['an offer used twice', checkOffers(facts(offer('offered'), offer('accepted'), offer('declined'))), 1],
    [
      'a rescinded offer that is used',
      checkOffers(facts(offer('offered'), offer('rescinded'), offer('accepted'))),
      1,
    ],
    [
      'an offer that is rescinded after its use',
      checkOffers(facts(offer('offered'), offer('accepted'), offer('rescinded'))),
      0,
    ],
    ['a kill of a routed task', checkTakingOut(facts({ ...kill, routedBy: ['p'] })), 1],
    ['a kill with requests in flight', checkTakingOut(facts({ ...kill, inFlight: 1 })), 1],
    ['a kill after the drain limit', checkTakingOut(facts({ ...kill, inFlight: 1, unroutedForMs: 100 })), 0],
    ['an immediate kill', checkTakingOut(facts({ ...kill, routedBy: ['p'], immediate: true })), 0],
    [
      'a table that goes back',
      checkTables(
        facts(
          { kind: 'table', proxy: 'p', epoch: 1, from: undefined, to: 5 },
          { kind: 'table', proxy: 'p', epoch: 1, from: undefined, to: 4 },
        ),
      ),
      1,
    ],
    [
      'a step that goes back',
      checkDeployments(
        facts(
          { kind: 'deployment stored', id: 'd', step: 2 },
          { kind: 'deployment stored', id: 'd', step: 1 },
          { kind: 'deployment stored', id: 'd', step: undefined },
          { kind: 'deployment ended', id: 'd', well: true, epoch: 1 },
        ),
      ),
      1,
    ],
    [
      'a deployment that never ends',
      checkDeployments(facts({ kind: 'deployment stored', id: 'd', step: 1 })),
      2,
    ],
    [
      'a deployment that ends twice',
      checkDeployments(
        facts(
          { kind: 'deployment stored', id: 'd', step: undefined },
          { kind: 'deployment ended', id: 'd', well: true, epoch: 1 },
          { kind: 'deployment ended', id: 'd', well: true, epoch: 1 },
        ),
      ),
      1,
    ],
    ['an error', checkNoErrors(facts({ kind: 'error logged', room: 'r', message: 'm', detail: '' })), 1],
    [
      'a failed request',
      checkNoFailedRequests(facts({ kind: 'request failed', appId, taskId, why: 'refused' })),
      1,
    ],
  ])('%s', (_what, found, count) => {
    expect(found).toHaveLength(count);
  });

  it('a final state that is not what was acknowledged, not what is stored, or not what lives', async () => {
    const world = await startWorld(1);
    const client = world.client();
    world.perform(() => client.ask(web('/web', { instances: 2, cmd: 'v1' })));
    await world.runUntilQuiet();
    const state = await world.finalState();
    expect(judge(world.facts, state, { strict: true })).toEqual([]);
    const [app] = state.apps;
    const [first, ...others] = state.live;
    if (!app || !first || !world.server) throw new Error('there is no app');
    expect(checkAcknowledged(world.facts, { ...state, apps: [] })).toHaveLength(1);
    expect(checkAcknowledged([], state)).toHaveLength(1);
    expect(checkRebuilt({ ...state, instances: [] })).toHaveLength(2);
    expect(checkRebuilt({ ...state, apps: [{ ...app, launchHash: 'other' }] })).toHaveLength(1);
    expect(checkAtRest({ ...state, live: others })).toHaveLength(1);
    expect(checkAtRest({ ...state, apps: [{ ...app, app: { ...app.app, instances: 3 } }] })).toHaveLength(1);
    expect(checkAtRest({ ...state, apps: [{ ...app, launchHash: 'other' }] })).toHaveLength(2);
    expect(checkAtRest({ ...state, locked: ['/web'] })).toHaveLength(1);
    world.observer.live.delete(first.info.task_id.value as never);
    expect(world.unrest()).toHaveLength(1);
    const gone = [...world.disk.records.keys()].find((key) => key.startsWith('instance!'));
    if (gone !== undefined) world.disk.records.delete(gone);
    expect(checkRebuilt(await readFinalState(world.server, world.disk, state.live))).toHaveLength(1);
    world.end();
  });
});
