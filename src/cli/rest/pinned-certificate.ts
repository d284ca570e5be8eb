import { X509Certificate } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';

/**
 * A connector that trusts one certificate and no other, whatever names it carries and whoever signed it. Nothing is sent
 * before the server has proven that it holds the certificate's key.
 */
export function pinned(certificate: string): buildConnector.connector {
  // A resumed session shows no certificate.
  const connect = buildConnector({ rejectUnauthorized: false, maxCachedSessions: 0 });
  const wanted = new X509Certificate(certificate).fingerprint256;
  return (options, callback) => {
    connect(options, (...outcome) => {
      const [error, socket] = outcome;
      if (error !== null) {
        callback(error, null);
        return;
      }
      const found = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.fingerprint256 : undefined;
      if (found === wanted) {
        callback(null, socket);
        return;
      }
      socket.destroy();
      callback(new Error('the server has another certificate than the one that its work dir notes'), null);
    });
  };
}
