import { type AcmeAuthority, AcmeClient, type Obtained } from '../../src/certificates/acme/acme-authority.js';
import { AcmeService } from '../../src/certificates/acme/acme-service.js';
import type { CertificateInfo } from '../../src/certificates/certificate.js';
import { CertificateFeed } from '../../src/certificates/certificate-feed.js';
import { planHosts, retryAfterMs, wantedHosts } from '../../src/certificates/decide/acme-hosts.js';
import type { EventBody } from '../../src/events/event-bus.js';
import { silentLog } from '../../src/logging/log.js';
import type { Service } from '../../src/proxy/table.js';
import { SystemClock } from '../../src/util/clock.js';
import { SystemDice } from '../../src/util/ids.js';
import { openCertificates } from '../api/support/certificates.js';
import { Plane, service } from '../proxy/rig.js';
import { issue } from '../support/issued-certificate.js';
import { waitFor } from '../support/wait-for.js';
import { hasPebble, Pebble } from './pebble.js';

const DAY_MS = 86_400_000;
const asking = (...vhosts: string[]): Service => service([], { vhosts, tls: { certificates: ['acme'] } });

function known(
  host: string,
  notBeforeMs: number,
  lifeMs: number,
  over: Partial<CertificateInfo> = {},
): CertificateInfo {
  return {
    name: `acme-${host}`,
    kind: 'certificate',
    source: 'acme',
    version: 1,
    changedAt: '2026-01-01T00:00:00.000Z' as CertificateInfo['changedAt'],
    changedBy: 'acme',
    subject: '',
    issuer: '',
    names: [host],
    notBeforeMs,
    notAfterMs: notBeforeMs + lifeMs,
    fingerprint: '80',
    serialNumber: '1',
    ...over,
  };
}

describe('hosts that certificates are kept for', () => {
  it('are those of apps that ask for it or send their clients to TLS, but no wildcards', () => {
    const services = {
      a: asking('b.test', 'a.test', '*.c.test', 'plain'),
      b: service([], { vhosts: ['d.test'], rules: { redirectToHttps: true } }),
      c: service([], { vhosts: ['e.test'] }),
    };
    expect(wantedHosts({ services })).toEqual(['a.test', 'b.test', 'd.test']);
  });

  it('are due at once without a certificate, and at two thirds of its life with one', () => {
    const plans = planHosts(['new.test', 'old.test'], [known('old.test', 0, 90 * DAY_MS)], new Map(), 1);
    expect(plans).toMatchObject([
      { host: 'new.test', has: false, dueMs: 0 },
      { host: 'old.test', has: true },
    ]);
    expect(plans[1]?.dueMs).toBeGreaterThan(55 * DAY_MS);
    expect(plans[1]?.dueMs).toBeLessThanOrEqual(60 * DAY_MS);
  });

  it('need none while somebody else’s certificate covers them', () => {
    const given = known('x', 0, DAY_MS, { source: 'api', names: ['*.test'] });
    expect(planHosts(['a.test'], [given], new Map(), 1)).toEqual([]);
    expect(planHosts(['a.test'], [given], new Map(), 2 * DAY_MS)).toHaveLength(1);
  });

  it('wait longer and longer when they are refused, up to half a day', () => {
    const pauses = [1, 2, 3, 4, 5, 6, 40].map((failures) => retryAfterMs(failures, 0));
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    expect(pauses[0]).toBe(60_000);
    expect(pauses.at(-1)).toBe(12 * 3_600_000);
  });
});

/** The clock of the machine, set forward. */
class ShiftedClock extends SystemClock {
  laterMs = 0;
  override wallMs(): number {
    return super.wallMs() + this.laterMs;
  }
}

describe('certificates that are obtained by themselves', () => {
  async function world(authority: AcmeAuthority, hosts: () => readonly string[]) {
    const { book } = await openCertificates();
    const clock = new ShiftedClock();
    const feed = new CertificateFeed({ book, epoch: 1, clock });
    const events: EventBody[] = [];
    const acme = new AcmeService({
      events: { publish: (body) => void events.push(body) },
      directory: 'https://acme.test/dir',
      authority,
      book,
      feed,
      table: () => ({ services: { a: asking(...hosts()) } }),
      clock,
      dice: new SystemDice(),
      log: silentLog,
      settleMs: 0,
    });
    return { book, acme, feed, events, clock };
  }

  it('are stored before anything else, one host after the other, and asked for once', async () => {
    const asked: string[] = [];
    const obtain = async (host: string): Promise<Obtained> => {
      asked.push(host);
      const { cert, key } = issue(host, [host], { days: 90 });
      return { certificate: cert, privateKey: key };
    };
    const { book, acme, events } = await world({ obtain }, () => ['a.test', 'b.test']);
    await acme.look();
    await acme.look();
    expect(asked).toEqual(['a.test', 'b.test']);
    expect(book.list().map(({ name, source }) => [name, source])).toEqual([
      ['acme-a.test', 'acme'],
      ['acme-b.test', 'acme'],
    ]);
    expect(acme.state().hosts.every(({ state }) => state === 'has-certificate')).toBe(true);
    const { notAfterMs } = book.get('acme-a.test') ?? { notAfterMs: 0 };
    expect(events).toEqual([
      {
        eventType: 'certificate_obtained_event',
        host: 'a.test',
        certificate: 'acme-a.test',
        version: 1,
        notAfter: new Date(notAfterMs).toISOString(),
      },
      expect.objectContaining({ eventType: 'certificate_obtained_event', host: 'b.test' }),
    ]);
  });

  it('are renewed before they end, and told of as such', async () => {
    let times = 0;
    const obtain = async (host: string): Promise<Obtained> => {
      times += 1;
      // They begin a day ago: the first has lived for two thirds of its life when it comes.
      const { cert, key } = issue(host, [host], { days: times === 1 ? 0.25 : 90 });
      return { certificate: cert, privateKey: key };
    };
    const { book, acme, events, clock } = await world({ obtain }, () => ['a.test']);
    await acme.look();
    expect(times).toBe(1);
    clock.laterMs = 3_600_000;
    await acme.look();
    expect(book.get('acme-a.test')?.version).toBe(2);
    expect(events.map(({ eventType, version }) => [eventType, version])).toEqual([
      ['certificate_obtained_event', 1],
      ['certificate_renewed_event', 2],
    ]);
    await acme.look();
    expect(times).toBe(2);
  });

  it('that are refused are told with the reason, and the others go on', async () => {
    const obtain = async (host: string): Promise<Obtained> => {
      if (host === 'bad.test') throw new Error('no such host');
      const { cert, key } = issue(host, [host], { days: 90 });
      return { certificate: cert, privateKey: key };
    };
    const { book, acme, events } = await world({ obtain }, () => ['bad.test', 'good.test']);
    await acme.look();
    expect(book.list().map(({ name }) => name)).toEqual(['acme-good.test']);
    const [{ nextAt } = { nextAt: '' }] = acme.state().hosts;
    expect(acme.state().hosts[0]).toMatchObject({ state: 'waiting', failures: 1, problem: 'no such host' });
    expect(events).toContainEqual({
      eventType: 'certificate_failed_event',
      host: 'bad.test',
      certificate: 'acme-bad.test',
      reason: 'no such host',
      failures: 1,
      nextAt,
      served: false,
    });
    expect(events.map(({ eventType }) => eventType)).toContain('certificate_obtained_event');
  });
});

(hasPebble ? describe : describe.skip)('ACME with pebble', () => {
  it('gets an app its certificate, answered by the load balancer, and serves it', async () => {
    const plane = await Plane.start([asking('shop.example.test')]);
    const pebble = await Pebble.start(plane.port);
    const { book } = await openCertificates();
    const clock = new SystemClock();
    const feed = new CertificateFeed({ book, epoch: 1, clock });
    feed.follow(({ bundle }) => plane.certificates.replace(bundle));
    const { directory } = pebble;
    const options = {
      directory,
      book,
      feed,
      table: () => plane.routes.table(),
      clock,
      dice: new SystemDice(),
      events: { publish: () => undefined },
      log: silentLog,
      settleMs: 100,
    };
    const acme = new AcmeService({
      ...options,
      authority: new AcmeClient({ directory, email: 'ann@example.test', book }),
    });
    try {
      await acme.look();
      expect(acme.state().hosts).toMatchObject([{ host: 'shop.example.test', state: 'has-certificate' }]);
      expect(book.get('acme-shop.example.test')).toMatchObject({
        names: ['shop.example.test'],
        source: 'acme',
      });
      await waitFor(() => plane.certificates.any, { what: () => 'the certificate at the load balancer' });
      expect(plane.certificates.bundle.challenges).toEqual({});
      const account = book.account(directory);
      expect(account?.url).toMatch(/^https:/);
      // The account is found again: a renewal makes no new one.
      await new AcmeClient({ directory, email: undefined, book }).obtain(
        'other.example.test',
        async (token, text) => feedAnswer(feed, plane, token, text),
      );
      expect(book.account(directory)).toEqual(account);
    } finally {
      acme.stop();
      feed.stop();
      await pebble.stop();
      await plane.close();
    }
  });

  it('tells why a host was refused', async () => {
    const plane = await Plane.start([asking('shop.example.test')]);
    const pebble = await Pebble.start(1);
    const { book } = await openCertificates();
    const client = new AcmeClient({ directory: pebble.directory, email: undefined, book });
    try {
      await expect(client.obtain('shop.example.test', async () => () => undefined)).rejects.toThrow(/./);
      expect(book.list()).toEqual([]);
    } finally {
      await pebble.stop();
      await plane.close();
    }
  });
});

async function feedAnswer(
  feed: CertificateFeed,
  plane: Plane,
  token: string,
  text: string,
): Promise<() => void> {
  const end = feed.challenge(token, text);
  await waitFor(() => plane.certificates.challenge(token) === text, { what: () => 'the answer' });
  return end;
}
