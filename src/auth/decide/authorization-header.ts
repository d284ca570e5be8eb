/** Longest header that is looked at; ours are far shorter. */
const MAX_CHARACTERS = 4_096;

/** What an `Authorization` header says. */
export type GivenCredentials =
  | { readonly scheme: 'none' }
  | { readonly scheme: 'unusable' }
  | { readonly scheme: 'bearer'; readonly secret: string }
  | { readonly scheme: 'basic'; readonly user: string; readonly password: string };

const bearerForm = /^bearer +([A-Za-z0-9._~+/=-]+) *$/i;
const basicForm = /^basic +([A-Za-z0-9+/=_-]+) *$/i;

/** Reads the header (RFC 6750 section 2.1, RFC 7617). Anything else than these two schemes is `unusable`. */
export function readAuthorization(header: string | undefined): GivenCredentials {
  if (header === undefined || header === '') return { scheme: 'none' };
  if (header.length > MAX_CHARACTERS) return { scheme: 'unusable' };
  const bearer = bearerForm.exec(header)?.[1];
  if (bearer !== undefined) return { scheme: 'bearer', secret: bearer };
  const basic = basicForm.exec(header)?.[1];
  if (basic === undefined) return { scheme: 'unusable' };
  const text = Buffer.from(basic, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 0) return { scheme: 'unusable' };
  return { scheme: 'basic', user: text.slice(0, colon), password: text.slice(colon + 1) };
}
