/** A label that something of Marathon's world reads, and nothing here does. */
export interface UnheededLabel {
  /** `{n}` stands for the index of a port, `*` for anything. */
  readonly name: string;
  /** What happens instead. */
  readonly why: string;
  /** What the owner of the app does about it; empty: nothing. */
  readonly todo: string;
}

const unheeded = (name: string, why: string, todo: string): UnheededLabel => ({ name, why, todo });

/** Labels about load balancing that are kept and have no effect; the first that matches counts. */
export const unheededLabels: readonly UnheededLabel[] = [
  ...['HAPROXY_{n}_HTTP_BACKEND_PROXYPASS_PATH', 'HAPROXY_{n}_HTTP_BACKEND_REVPROXY_PATH'].map((name) =>
    unheeded(
      name,
      'paths are passed on as they came',
      'Let the app answer below that path, or leave a proxy that rewrites paths in front.',
    ),
  ),
  unheeded('HAPROXY_{n}_HTTP_BACKEND_REDIR', 'no redirects yet', 'Let the app redirect.'),
  ...['HAPROXY_{n}_SSL_CERT', 'HAPROXY_{n}_REDIRECT_TO_HTTPS', 'HAPROXY_{n}_USE_HSTS'].map((name) =>
    unheeded(name, 'no TLS in the load balancer yet', 'End TLS in a proxy in front of it.'),
  ),
  unheeded('HAPROXY_{n}_BACKEND_WEIGHT', 'it orders rules about paths; here the longest path wins', ''),
  ...['HAPROXY_{n}_AUTH', 'HAPROXY_{n}_BACKEND_NETWORK_ALLOWED_ACL'].map((name) =>
    unheeded(
      name,
      'access is not limited: whoever reaches the load balancer reaches the app',
      'Let the app, a proxy in front or a firewall ask, before you move this app.',
    ),
  ),
  ...['HAPROXY_{n}_BIND_ADDR', 'HAPROXY_{n}_BIND_OPTIONS', 'HAPROXY_{n}_BACKEND_HEALTHCHECK_PORT_INDEX'].map(
    (name) =>
      unheeded(name, 'has no effect', 'See the settings of the load balancer (`longrun proxy --help`).'),
  ),
  ...['HAPROXY_DEPLOYMENT_*', 'HAPROXY_APP_ID'].map((name) =>
    unheeded(
      name,
      'the protocol of zdd.py has no effect: an ordinary deployment drains instances',
      'Deploy by changing the app; let go of the second app.',
    ),
  ),
  unheeded(
    'HAPROXY_*',
    'templates in HAProxy’s language are not taken from labels',
    'See which setting it stood for.',
  ),
  unheeded('VIP_*', 'no virtual addresses', 'Use the service port, or a virtual host of the load balancer.'),
];

/** Those of the same kind that count (docs/labels.md). */
const heeded = /^HAPROXY_(\d+_(VHOST|PATH|PORT|MODE|BALANCE|STICKY|ENABLED|GROUP)|GROUP)$/;
const patterns = unheededLabels.map((entry) => {
  const text = entry.name.replaceAll('{n}', '\\d+').replaceAll('*', '.*');
  return { entry, pattern: new RegExp(`^${text}$`) };
});

/** Why a label has no effect though its name says that it should have one; undefined for every other label. */
export function unheededLabel(name: string): UnheededLabel | undefined {
  if (heeded.test(name)) return undefined;
  return patterns.find(({ pattern }) => pattern.test(name))?.entry;
}
