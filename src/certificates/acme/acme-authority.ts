import type { Client } from 'acme-client';
import type { CertificateBook } from '../certificate-book.js';

/** A certificate with its chain, and its key, in PEM. */
export interface Obtained {
  readonly certificate: string;
  readonly privateKey: string;
}

/** Whoever gives certificates to those that answer for a host. */
export interface AcmeAuthority {
  /** Rejects with the reason. `answer` has load balancers answer a challenge; what it resolves to ends that. */
  obtain(host: string, answer: (token: string, text: string) => Promise<() => void>): Promise<Obtained>;
}

export interface AcmeClientOptions {
  readonly directory: string;
  readonly email: string | undefined;
  readonly book: Pick<CertificateBook, 'account' | 'keepAccount'>;
}

/** Loaded when a certificate is ordered: most servers never do, and it would be a third of the time of their start. */
const library = () => import('acme-client');

/** How often and in what time the authority is asked whether it is done, in milliseconds. */
const patience = { backoffAttempts: 12, backoffMin: 500, backoffMax: 15_000 };

/** An ACME certificate authority (RFC 8555), proven to by http-01. */
export class AcmeClient implements AcmeAuthority {
  constructor(private readonly options: AcmeClientOptions) {}

  async obtain(
    host: string,
    answer: (token: string, text: string) => Promise<() => void>,
  ): Promise<Obtained> {
    const { crypto } = await library();
    const client = await this.#client();
    const order = await client.createOrder({ identifiers: [{ type: 'dns', value: host }] });
    for (const authorization of await client.getAuthorizations(order)) {
      if (authorization.status === 'valid') continue;
      const challenge = authorization.challenges.find(({ type }) => type === 'http-01');
      if (!challenge) throw new Error('the certificate authority offers no http-01 challenge');
      const end = await answer(challenge.token, await client.getChallengeKeyAuthorization(challenge));
      try {
        await client.completeChallenge(challenge);
        await client.waitForValidStatus(authorization);
      } finally {
        end();
      }
    }
    const key = await crypto.createPrivateEcdsaKey('P-256');
    const [, request] = await crypto.createCsr({ altNames: [host] }, key);
    const finished = await client.finalizeOrder(order, request);
    return { certificate: await client.getCertificate(finished), privateKey: key.toString() };
  }

  /** The account's key is durable before the authority hears of it: a second try finds the account that the first one made. */
  async #client(): Promise<Client> {
    const { Client, crypto } = await library();
    const { directory, email, book } = this.options;
    const known = book.account(directory);
    const key = known?.key ?? (await crypto.createPrivateEcdsaKey('P-256')).toString();
    if (!known) await book.keepAccount({ directory, url: '', key });
    const common = { directoryUrl: directory, accountKey: key, ...patience };
    if (known && known.url !== '') return new Client({ ...common, accountUrl: known.url });
    const client = new Client(common);
    await client.createAccount({
      termsOfServiceAgreed: true,
      ...(email !== undefined && { contact: [`mailto:${email}`] }),
    });
    await book.keepAccount({ directory, url: client.getAccountUrl(), key });
    return client;
  }
}
