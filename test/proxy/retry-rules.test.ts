import fc from 'fast-check';
import { DEFAULT_RETRIES, type FailedAttempt, mayRetry } from '../../src/proxy/decide/retry.js';
import {
  BUDGET_LEAST,
  BUDGET_SHARE,
  BUDGET_WINDOW_S,
  RetryBudget,
} from '../../src/proxy/decide/retry-budget.js';
import type { Service } from '../../src/proxy/table.js';
import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

const failures = ['connection', 'empty-response', 'response-timeout', '502', '503', '504'] as const;
const named = failures.filter((failure) => failure !== 'connection');

describe('whether a failed attempt is repeated', () => {
  const attempt: fc.Arbitrary<FailedAttempt> = fc.record({
    tries: fc.integer({ min: 1, max: 12 }),
    failure: fc.constantFrom(...failures),
    reused: fc.boolean(),
    idempotent: fc.boolean(),
    replayable: fc.boolean(),
  });
  const rules = fc.record({ retries: fc.nat(10), on: fc.subarray([...named]) }, { requiredKeys: [] });

  it('is never so for what was sent and may not be sent twice, nor beyond the number of retries', () => {
    fc.assert(
      fc.property(attempt, rules, (of, by) => {
        const again = mayRetry(of, by);
        if (of.failure !== 'connection' && !of.idempotent) expect(again).toBe(false);
        if (!of.replayable || of.tries > (by.retries ?? DEFAULT_RETRIES)) expect(again).toBe(false);
        else if (of.failure === 'connection') expect(again).toBe(true);
      }),
    );
  });

  const first: FailedAttempt = {
    tries: 1,
    failure: 'empty-response',
    reused: false,
    idempotent: true,
    replayable: true,
  };
  it('depends on what the service names; a kept connection that was closed is always a reason', () => {
    expect(mayRetry(first)).toBe(true);
    expect(mayRetry(first, { on: ['503'] })).toBe(false);
    expect(mayRetry({ ...first, reused: true }, { on: [] })).toBe(true);
    expect(mayRetry({ ...first, failure: '503' })).toBe(false);
    expect(mayRetry({ ...first, failure: '503' }, { on: ['503'] })).toBe(true);
    expect(mayRetry({ ...first, failure: 'connection' }, { retries: 0 })).toBe(false);
  });
});

describe('a retry budget', () => {
  it('never lets more through in its window than a share of its requests and ten', () => {
    const steps = fc.array(fc.record({ requests: fc.nat(40), wanted: fc.nat(40), laterMs: fc.nat(3_000) }), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(steps, (all) => {
        const budget = new RetryBudget();
        let nowMs = 5_000;
        const requests: number[] = [];
        const spent: number[] = [];
        const within = (at: number): boolean =>
          Math.floor(nowMs / 1_000) - Math.floor(at / 1_000) < BUDGET_WINDOW_S;
        for (const step of all) {
          nowMs += step.laterMs;
          for (let i = 0; i < step.requests; i++) {
            budget.request(nowMs);
            requests.push(nowMs);
          }
          for (let i = 0; i < step.wanted; i++) if (budget.spend(nowMs)) spent.push(nowMs);
          const bound = BUDGET_LEAST + BUDGET_SHARE * requests.filter(within).length;
          // Requests leave the window before the repetitions that they allowed; one more step may have begun.
          expect(spent.filter((at) => at === nowMs).length).toBeLessThan(bound + 1);
        }
      }),
    );
  });

  it('is full again when the window has passed', () => {
    const budget = new RetryBudget();
    for (let i = 0; i < BUDGET_LEAST; i++) expect(budget.spend(1_000)).toBe(true);
    expect(budget.spend(1_000)).toBe(false);
    expect(budget.left(1_000 + (BUDGET_WINDOW_S - 1) * 1_000)).toBe(false);
    expect(budget.left(1_000 + BUDGET_WINDOW_S * 1_000)).toBe(true);
  });
});

describe('repeating requests', () => {
  let plane: Plane;
  afterEach(() => plane.close());

  async function start(rules: Partial<Service>, ...backends: Backend[]): Promise<Plane> {
    const servers = backends.map(({ port }) => serverAt(port));
    // Nobody is left alone here, so that the numbers are exact.
    plane = await Plane.start([service(servers, { ejection: { failures: 0 }, ...rules })], {
      timeouts: { serverMs: 1_000 },
    });
    for (const backend of backends) plane.own(backend);
    return plane;
  }

  /** Answers every request with this status. */
  function failing(status: number): Promise<Backend> {
    return Backend.start((socket) =>
      socket.write(`HTTP/1.1 ${status} Sorry\r\nContent-Length: 3\r\n\r\nbad`),
    );
  }
  const post = 'POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 4\r\n\r\nbody';

  it('asks another server when one answers with a status that the service names', async () => {
    const [bad, good] = [await failing(503), await Backend.answering('good')];
    const client = await (await start({ retry: { on: ['503'] } }, bad, good)).client();
    for (let i = 1; i <= 4; i++) {
      client.send(get());
      await waitFor(() => client.text.split('good').length === i + 1, { what: () => client.text });
    }
    expect(client.text).not.toContain('503');
    expect(bad.connections).toBeGreaterThan(0);
  });

  it('passes the failure on as it is when the service does not name it, or there are no more tries', async () => {
    const [one, two] = [await failing(503), await failing(503)];
    const client = await (await start({ retry: { on: ['503'], retries: 1 } }, one, two)).client();
    await client.send(get()).sees(/ 503 Sorry\r\n[\s\S]*bad$/);
    expect(one.connections + two.connections).toBe(2);
    plane.serve([service([serverAt(one.port)])]);
    await client.send(get()).sees(/bad[\s\S]*bad$/);
  });

  it('does not send a POST twice for a status, nor for silence', async () => {
    const bad = await failing(503);
    const client = await (await start({ retry: { on: ['503', 'response-timeout'] } }, bad)).client();
    await client.send(post).sees(/bad$/);
    expect(bad.received.match(/POST/g)?.length).toBe(1);
    const silent = await Backend.start(() => undefined);
    plane.own(silent);
    plane.serve([service([serverAt(silent.port)], { retry: { on: ['response-timeout'] } })]);
    await client.send(post).sees(/ 504 /);
    expect(silent.received.match(/POST/g)?.length).toBe(1);
  });

  it('asks another server when one is silent, if the service wants that', async () => {
    const silent = await Backend.start(() => undefined);
    const good = await Backend.answering('good');
    const client = await (await start({ retry: { on: ['response-timeout'] } }, silent, good)).client();
    for (let i = 1; i <= 2; i++) {
      client.send(get());
      await waitFor(() => client.text.split('good').length === i + 1, { what: () => client.text });
    }
    expect(silent.received).toContain('GET / ');
  });

  it('ends at the budget: an outage is not multiplied', async () => {
    const bad = await failing(503);
    const client = await (await start({ retry: { on: ['503'], retries: 10 } }, bad)).client();
    for (let i = 1; i <= 40; i++) {
      client.send(get());
      await waitFor(() => client.text.split('bad').length === i + 1, { what: () => client.text.slice(-300) });
    }
    const asked = bad.received.match(/GET/g)?.length ?? 0;
    expect(asked).toBeGreaterThan(40);
    expect(asked).toBeLessThanOrEqual(40 + BUDGET_LEAST + 1 + 40 * BUDGET_SHARE);
  });
});
