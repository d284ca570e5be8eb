import type { AppId } from '../apps/app.js';
import { AcmeClient } from '../certificates/acme/acme-authority.js';
import { AcmeService } from '../certificates/acme/acme-service.js';
import type { CertificateBook } from '../certificates/certificate-book.js';
import { CertificateFeed } from '../certificates/certificate-feed.js';
import { Certificates } from '../certificates/certificates.js';
import { referredName } from '../certificates/decide/missing-certificates.js';
import type { Settings } from '../config/settings.js';
import type { EventBus } from '../events/event-bus.js';
import type { Log } from '../logging/log.js';
import type { RoutingTable } from '../proxy/table.js';
import type { Clock } from '../util/clock.js';
import type { Dice } from '../util/ids.js';

interface Surroundings {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
}

/** What the server does with certificates, beside its other rooms. */
export interface ServerCertificates {
  readonly feed: CertificateFeed;
  readonly api: Certificates;
  /** Certificates are obtained from now on, when there is an authority. */
  start(): void;
  stop(): void;
}

/** Makes them from what is stored; `table` is what load balancers route by. */
export function makeCertificates(
  { settings, clock, dice, log }: Surroundings,
  epoch: number,
  book: CertificateBook,
  table: () => RoutingTable,
  events: Pick<EventBus, 'publish'>,
): ServerCertificates {
  const feed = new CertificateFeed({ book, epoch, clock });
  const { lbAcme: directory, lbAcmeEmail: email } = settings;
  const acme =
    directory === undefined
      ? undefined
      : new AcmeService({
          directory,
          authority: new AcmeClient({ directory, email, book }),
          book,
          feed,
          table,
          clock,
          dice,
          events,
          log: log.child('acme'),
        });
  const api = new Certificates({ book, usedBy: (name) => usersOf(table(), name), acme: () => acme?.state() });
  return {
    feed,
    api,
    start: () => acme?.start(),
    stop: () => {
      acme?.stop();
      feed.stop();
    },
  };
}

function usersOf({ services }: RoutingTable, name: string): readonly AppId[] {
  const apps = new Set<AppId>();
  for (const { appId, tls } of Object.values(services))
    if (
      tls?.certificates?.some((each) => referredName(each) === name) ||
      tls?.clientAuthorities?.includes(name)
    )
      apps.add(appId);
  return [...apps].sort();
}
