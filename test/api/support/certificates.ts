import { join } from 'node:path';
import type { AppId } from '../../../src/apps/app.js';
import { CertificateBook } from '../../../src/certificates/certificate-book.js';
import { Certificates } from '../../../src/certificates/certificates.js';
import { silentLog } from '../../../src/logging/log.js';
import { KeyFile } from '../../../src/secrets/key-file.js';
import { MemoryDisk, MemoryStore } from '../../../src/store/memory-store.js';
import { SystemClock } from '../../../src/util/clock.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** The certificates as the server builds them, over a store in memory and a key file of their own. */
export async function openCertificates(
  usedBy: (name: string) => readonly AppId[] = () => [],
  kept?: { readonly store: MemoryStore; readonly keyFile: KeyFile },
): Promise<{
  readonly book: CertificateBook;
  readonly certificates: Certificates;
  readonly store: MemoryStore;
  readonly keyFile: KeyFile;
}> {
  const store =
    kept?.store ?? new MemoryStore({ clock: new SystemClock(), log: silentLog, disk: new MemoryDisk() });
  if (!kept) await store.open();
  const keyFile = kept?.keyFile ?? new KeyFile(join(temporaryFolder('certificates'), 'secrets.key'));
  const book = new CertificateBook({ store, epoch: 1, keyFile, clock: new SystemClock(), log: silentLog });
  await book.start();
  return { book, certificates: new Certificates({ book, usedBy, acme: () => undefined }), store, keyFile };
}
