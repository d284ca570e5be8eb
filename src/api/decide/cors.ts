import { namesOrigin } from '../../config/origins.js';

/** Methods that pages of an allowed origin may use. */
const ALLOWED_METHODS = 'GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE';

/** Headers of our answers that such pages may read. */
const EXPOSED_HEADERS =
  'Location, Link, Marathon-Deployment-Id, X-Longrun-Warning, X-Marathon-Leader, X-Event-Position, X-Request-Id, ETag, Preference-Applied, Retry-After, WWW-Authenticate';

/** Seconds that a browser may keep the answer to a preflight. */
const MAX_AGE_SECONDS = 86_400;

/** Longest list of a preflight's headers that is echoed. */
const MAX_HEADERS_CHARACTERS = 1_000;

/** What a request says that matters across origins. */
export interface CorsQuestion {
  readonly origin: string | undefined;
  /** OPTIONS with the page's method named. */
  readonly preflight: boolean;
  /** `Access-Control-Request-Headers`. */
  readonly requestHeaders: string | undefined;
  /** From `originList`. */
  readonly allowed: readonly string[];
}

/**
 * The headers that let a page of another origin read the answer (Fetch standard, 3.2): the origin itself is echoed, never
 * another entry of the list. None when it is not allowed: the browser then keeps the answer from the page.
 */
export function corsHeaders(question: CorsQuestion): Readonly<Record<string, string>> {
  const { origin, allowed, preflight, requestHeaders } = question;
  if (origin === undefined) return {};
  if (!allowed.includes('*') && !namesOrigin(allowed, origin)) return {};
  const headers: Record<string, string> = {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Expose-Headers': EXPOSED_HEADERS,
  };
  if (!preflight) return headers;
  headers['Access-Control-Allow-Methods'] = ALLOWED_METHODS;
  headers['Access-Control-Max-Age'] = String(MAX_AGE_SECONDS);
  if (requestHeaders)
    headers['Access-Control-Allow-Headers'] = requestHeaders.slice(0, MAX_HEADERS_CHARACTERS);
  return headers;
}
