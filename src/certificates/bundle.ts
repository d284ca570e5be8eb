/** Everything that load balancers serve TLS with. Plain JSON; it holds private keys: it is shown to nobody and logged nowhere. */
export interface CertificateBundle {
  /** Of the server's life, and of the bundle within it: a load balancer takes the newest. */
  readonly epoch: number;
  readonly version: number;
  readonly certificates: readonly ServedCertificate[];
  readonly authorities: readonly ServedAuthority[];
  /** Answers to ACME http-01 challenges, by token. */
  readonly challenges: Readonly<Record<string, string>>;
}

/** A certificate with its chain and its key, each in PEM. */
export interface ServedCertificate {
  readonly name: string;
  readonly certificate: string;
  readonly privateKey: string;
}

/** Certificate authorities, in PEM, whose word for clients counts. */
export interface ServedAuthority {
  readonly name: string;
  readonly certificates: string;
}

export const emptyBundle: CertificateBundle = {
  epoch: 0,
  version: 0,
  certificates: [],
  authorities: [],
  challenges: {},
};

/** To a load balancer: the whole bundle, at its start and at each change. */
export interface CertificatesMessage {
  readonly type: 'CERTIFICATES';
  readonly bundle: CertificateBundle;
}

/** Where ACME's certificate authority looks for the answer to a challenge (RFC 8555 8.3). */
export const CHALLENGE_PATH = '/.well-known/acme-challenge/';

/** In an app's list of certificates: whichever is had by ACME for its hosts. */
export const ACME = 'acme';
