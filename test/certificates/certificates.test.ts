import type { AppId } from '../../src/apps/app.js';
import type { CertificatesMessage } from '../../src/certificates/bundle.js';
import { CertificateFeed } from '../../src/certificates/certificate-feed.js';
import { SystemClock } from '../../src/util/clock.js';
import { openCertificates } from '../api/support/certificates.js';
import { issue } from '../support/issued-certificate.js';
import { waitFor } from '../support/wait-for.js';

const authority = issue('test authority', [], { ca: true });
const web = issue('web', ['web.test', '*.web.test'], { issuer: authority });
const nobody = issue('', []);

describe('certificates', () => {
  it('are told with what they say of themselves, and without their key', async () => {
    const { certificates } = await openCertificates((name) => (name === 'web' ? ['/shop/web' as AppId] : []));
    const { info, created } = await certificates.set(
      'web',
      { certificate: web.cert, privateKey: web.key },
      'ann',
    );
    expect(created).toBe(true);
    expect(info).toMatchObject({
      name: 'web',
      kind: 'certificate',
      subject: 'CN=web',
      issuer: 'CN=test authority',
      names: ['web.test', '*.web.test'],
      changedBy: 'ann',
    });
    expect(JSON.stringify(certificates.list())).not.toContain('PRIVATE KEY');
    expect(certificates.usedBy('web')).toEqual(['/shop/web']);
  });

  it('are authorities of clients when they have no key', async () => {
    const { book, certificates } = await openCertificates();
    await certificates.set('people', { certificate: authority.cert }, 'ann');
    expect(certificates.get('people').kind).toBe('authority');
    expect(book.served().authorities).toEqual([{ name: 'people', certificates: authority.cert }]);
  });

  it.each([
    [
      'the key of another',
      { certificate: web.cert, privateKey: authority.key },
      /belongs to another certificate/,
    ],
    ['no certificate', { certificate: 'hello', privateKey: web.key }, /no certificate in it/],
    [
      'a damaged certificate',
      { certificate: web.cert.replace(/^MII.{40}/m, 'MII'), privateKey: web.key },
      /cannot be read/,
    ],
    ['a damaged key', { certificate: web.cert, privateKey: 'hello' }, /private key cannot be read/],
    ['no key and no authority', { certificate: web.cert }, /is not a certificate authority/],
    [
      'a certificate for no name',
      { certificate: nobody.cert, privateKey: nobody.key },
      /good for no host name/,
    ],
  ])('are refused with %s', async (_what, input, reason) => {
    const { certificates } = await openCertificates();
    await expect(certificates.set('web', input, 'ann')).rejects.toMatchObject({
      code: 'certificate-invalid',
      message: expect.stringMatching(reason),
    });
    expect(certificates.list()).toEqual([]);
  });

  it('that apps name cannot be removed', async () => {
    let users: AppId[] = ['/shop/web' as AppId];
    const { certificates } = await openCertificates(() => users);
    await certificates.set('web', { certificate: web.cert, privateKey: web.key }, 'ann');
    await expect(certificates.remove('web')).rejects.toMatchObject({ code: 'certificate-in-use' });
    users = [];
    await certificates.remove('web');
    expect(certificates.list()).toEqual([]);
    await expect(certificates.remove('web')).rejects.toMatchObject({ code: 'certificate-not-found' });
  });

  it('are there again after a restart, their keys encrypted in the store', async () => {
    const first = await openCertificates();
    await first.certificates.set('web', { certificate: web.cert, privateKey: web.key }, 'ann');
    const stored: unknown[] = [];
    for await (const { value } of first.store.scan('certificate!')) stored.push(value);
    expect(stored).toHaveLength(1);
    expect(JSON.stringify(stored)).not.toContain('PRIVATE KEY');
    const again = await openCertificates(() => [], first);
    expect(again.book.served().certificates).toEqual([
      { name: 'web', certificate: web.cert, privateKey: web.key },
    ]);
  });

  it('are sealed anew before a former key is forgotten', async () => {
    const { book, certificates, keyFile } = await openCertificates();
    await certificates.set('web', { certificate: web.cert, privateKey: web.key }, 'ann');
    await book.keepAccount({
      directory: 'https://acme.test/',
      url: 'https://acme.test/1',
      key: 'account key',
    });
    keyFile.add(1);
    await book.reseal();
    keyFile.dropFormer();
    expect(book.served().certificates[0]?.privateKey).toBe(web.key);
    expect(book.account('https://acme.test/')?.key).toBe('account key');
  });

  it('reach load balancers as a whole, at once and at each change', async () => {
    const { book, certificates } = await openCertificates();
    const feed = new CertificateFeed({ book, epoch: 3, clock: new SystemClock() });
    const told: CertificatesMessage[] = [];
    const end = feed.follow((message) => told.push(message));
    expect(told[0]?.bundle).toMatchObject({ epoch: 3, certificates: [] });
    await certificates.set('web', { certificate: web.cert, privateKey: web.key }, 'ann');
    const endChallenge = feed.challenge('token', 'answer');
    await waitFor(() => told.at(-1)?.bundle.challenges['token'] === 'answer', {
      what: () => 'the challenge',
    });
    expect(told.at(-1)?.bundle.certificates.map(({ name }) => name)).toEqual(['web']);
    endChallenge();
    await waitFor(() => told.at(-1)?.bundle.challenges['token'] === undefined, { what: () => 'its end' });
    const versions = told.map(({ bundle }) => bundle.version);
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
    end();
    feed.stop();
  });
});
