import type { App } from '../app.js';
import { appRouting } from './port-routing.js';
import { portMode } from './served-ports.js';

/** Something that an app asks of the load balancer and does not get. */
export interface RoutingWarning {
  readonly label: string;
  readonly text: string;
  /** A load balancer that takes HAProxy's language from labels heeds it. */
  readonly raw?: true;
}

const NONE: readonly RoutingWarning[] = [];
const known = new WeakMap<App, readonly RoutingWarning[]>();
/** Labels that mean something only where requests are read. */
const ofRequests =
  /^HAPROXY_(\d+)_(PATH|STICKY|REDIRECT_TO_HTTPS|USE_HSTS|AUTH|HTTP_BACKEND_(PROXYPASS_PATH|REDIR)|BACKEND_HTTP_OPTIONS)$/;

/** What of an app's labels has no effect, or cannot be read, in the order of the labels. `takesRaw`: HAProxy's language in templates has one. */
export function routingWarnings(app: App, takesRaw = false): readonly RoutingWarning[] {
  const all = allWarnings(app);
  return takesRaw && all.length > 0 ? all.filter(({ raw }) => !raw) : all;
}

function allWarnings(app: App): readonly RoutingWarning[] {
  const found = known.get(app);
  if (found) return found;
  const warnings = [...readWarnings(app)];
  known.set(app, warnings.length > 0 ? warnings : NONE);
  return warnings;
}

function* readWarnings(app: App): Iterable<RoutingWarning> {
  const { findings, ports } = appRouting(app);
  for (const { label, kind, text, raw } of findings) {
    const what = kind === 'malformed' ? 'cannot be read' : 'has no effect';
    yield { label, text: `label ${label} ${isPartly(text) ? '' : `${what}: `}${text}`, ...(raw && { raw }) };
  }
  for (const label in app.labels) {
    const index = Number(ofRequests.exec(label)?.[1] ?? Number.NaN);
    if (ports[index] && (app.labels[label] ?? '').trim() !== '' && portMode(app, index) === 'tcp')
      yield {
        label,
        text: `label ${label} has no effect: port ${index} speaks tcp; it needs a virtual host, an HTTP health check or HAPROXY_${index}_MODE http`,
      };
  }
}

/** Of some labels only a part has no effect, and the text says which. */
const isPartly = (text: string): boolean => text.startsWith('in part');
