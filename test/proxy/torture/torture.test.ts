import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Plane, serverAt, service } from '../rig.js';
import { bodies } from './bodies.js';
import type { Case } from './case.js';
import { differences } from './differences.js';
import { heads } from './heads.js';
import { type Answer, responses } from './responses.js';
import {
  ask,
  Haproxy,
  hasHaproxy,
  LIMIT_MS,
  type Liar,
  type Outcome,
  play,
  SERVER_LIMIT_MS,
  startLiar,
  Target,
} from './torture-rig.js';

/** Cases at once, of each load balancer. */
const AT_ONCE = 48;
/** Everything that is sent to our load balancer and to HAProxy. */
const requests: readonly Case[] = [...heads, ...bodies];
const timeouts = {
  clientMs: LIMIT_MS,
  serverMs: SERVER_LIMIT_MS,
  httpRequestMs: LIMIT_MS,
  httpKeepAliveMs: LIMIT_MS,
};
const withHaproxy = hasHaproxy();
const wherePossible = withHaproxy ? it : it.skip;

/** Runs `work` for all, so many at once; the results in their order. */
async function inParallel<T, R>(
  all: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = [...all.entries()];
  const next = async (): Promise<void> => {
    for (let item = waiting.shift(); item; item = waiting.shift())
      results[item[0]] = await work(item[1], item[0]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  return results;
}

/** How many requests of a case should reach the server. */
const due = ({ reaches, answer }: Case): number => reaches ?? answer.split('200').length - 1;

/** Refusals of whatever status are alike. */
const kind = (answer: string): string => answer.replace(/\b[45]\d\d\b/g, 'refused');

describe('what clients may send', () => {
  let plane: Plane;
  let target: Target;
  let haproxy: Haproxy | undefined;
  let peerTarget: Target;
  let ours: Outcome[];
  let theirs: Outcome[];

  beforeAll(async () => {
    [target, peerTarget] = [await Target.start(), await Target.start()];
    plane = await Plane.start([service([serverAt(target.port)])], { timeouts });
    if (withHaproxy) haproxy = await Haproxy.start(peerTarget.port);
    [ours, theirs] = await Promise.all([
      inParallel(requests, (of) => play(plane.port, target, of)),
      haproxy ? inParallel(requests, (of) => play((haproxy as Haproxy).port, peerTarget, of)) : [],
    ]);
    // A busy machine may have let a time limit pass: such a case has another chance, alone.
    for (const [index, of] of requests.entries()) {
      if (isWrong(of, ours[index])) ours[index] = await play(plane.port, target, of);
      if (haproxy && isOdd(of, ours[index], theirs[index]))
        theirs[index] = await play(haproxy.port, peerTarget, of);
    }
  }, 60_000);

  afterAll(async () => {
    haproxy?.stop();
    await plane.close();
    target.stop();
    peerTarget.stop();
  });

  function isWrong(of: Case, outcome: Outcome | undefined): boolean {
    return outcome?.answer !== of.answer || outcome.reached.length !== due(of);
  }

  function isAlike(own: Outcome | undefined, peer: Outcome | undefined): boolean {
    return own !== undefined && peer !== undefined && kind(own.answer) === kind(peer.answer);
  }

  function isOdd(of: Case, own: Outcome | undefined, peer: Outcome | undefined): boolean {
    return isAlike(own, peer) === (of.differs !== undefined);
  }

  it.each(requests.map((of, index) => [of.name, of, index] as const))('%s', (_name, of, index) => {
    const outcome = ours[index];
    expect(outcome).toEqual({ answer: of.answer, reached: expect.anything() });
    expect(outcome?.reached).toHaveLength(due(of));
    expect(outcome?.reached.join()).not.toContain('hidden');
  });

  it('never becomes something that a server would not take', () => {
    expect(target.refused).toBe(0);
  });

  it('is more than a hundred and twenty cases, each with a name of its own', () => {
    expect(new Set(requests.map(({ name }) => name)).size).toBe(requests.length);
    expect(requests.length).toBeGreaterThan(120);
  });

  wherePossible('is answered by HAProxy in the same way, or the documentation says why not', () => {
    const odd = requests.flatMap((of, index) =>
      isOdd(of, ours[index], theirs[index])
        ? [
            {
              name: of.name,
              ours: ours[index]?.answer,
              haproxy: theirs[index]?.answer,
              documented: of.differs,
            },
          ]
        : [],
    );
    expect(odd).toEqual([]);
  });
});

describe('what servers may answer', () => {
  const noEjection = { ejection: { failures: 0 } };

  async function all(
    port: number,
    liar: Liar,
    known: readonly Answer[],
  ): Promise<{ readonly got: string; readonly next: string }[]> {
    return inParallel(known, (answer, index) => ask(port, liar, index, answer.method));
  }

  it('reaches clients whole, or as a failure, and never as the answer to their next request', async () => {
    const liar = await startLiar(responses);
    const plane = await Plane.start([service([serverAt(liar.port)], noEjection)], { timeouts });
    const results = await all(plane.port, liar, responses);
    await plane.close();
    liar.stop();
    const seen = responses.map(({ name }, index) => ({ name, ...results[index] }));
    expect(seen).toEqual(
      responses.map(({ name, gets }) => ({ name, got: gets, next: expect.stringMatching(/^200 (fine)?$/) })),
    );
  });

  wherePossible('is treated by HAProxy in the same way, or the documentation says why not', async () => {
    const liar = await startLiar(responses);
    const haproxy = await Haproxy.start(liar.port);
    const results = await all(haproxy.port, liar, responses);
    haproxy.stop();
    liar.stop();
    const odd = responses.flatMap(({ name, gets, differs }, index) => {
      const got = results[index]?.got;
      return (got === gets) === (differs !== undefined) ? [{ name, ours: gets, haproxy: got, differs }] : [];
    });
    expect(odd).toEqual([]);
  });
});

describe('differences from HAProxy', () => {
  const page = readFileSync(join(__dirname, '../../../docs/load-balancer.md'), 'utf8');

  it('are documented in these words', () => {
    const text = page.replace(/\s+/g, ' ');
    expect(Object.values(differences).filter((sentence) => !text.includes(sentence))).toEqual([]);
  });

  it('are all met by some case', () => {
    const met = new Set([...requests, ...responses].map(({ differs }) => differs));
    expect(Object.keys(differences).filter((key) => !met.has(key as keyof typeof differences))).toEqual([]);
  });
});
