import { CatalogError, type ErrorDetail } from '../../errors/registry.js';
import { type Grant, type Right, reservedNames, rights } from '../principal.js';

/** What a client asks for in `POST /v2/tokens`. */
export interface TokenInput {
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly expiresInSeconds?: number;
}

export const MAX_GRANTS = 64;
const MAX_PATH_CHARACTERS = 256;
/** Ten years. */
const MAX_LIFE_SECONDS = 10 * 365 * 86_400;

const nameForm = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;
const pathForm = /^\/$|^(?:\/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)+$/;

/** Reads the body; every finding in one answer (`invalid-object`, `invalid-json` when it is no object at all). */
export function readTokenInput(body: unknown): TokenInput {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new CatalogError('invalid-json', {}, [{ path: '/', errors: ['error.expected.jsobject'] }]);
  const { name, grants, expiresInSeconds } = body as Record<string, unknown>;
  const findings: ErrorDetail[] = [...nameFindings(name), ...lifeFindings(expiresInSeconds)];
  const read = Array.isArray(grants) ? grants.slice(0, MAX_GRANTS + 1).map(readGrant) : [];
  if (!Array.isArray(grants) || grants.length === 0 || grants.length > MAX_GRANTS) {
    findings.push({
      path: '/grants',
      errors: [`must hold 1 to ${MAX_GRANTS} grants`],
      code: 'grants',
      hint: 'For example [{"right": "deploy", "path": "/shop"}].',
    });
  }
  read.forEach((grant, index) => {
    if (typeof grant === 'string')
      findings.push({
        path: `/grants(${index})`,
        errors: [grant],
        code: 'grant',
        hint: `Rights are ${rights.join(', ')}; a path is absolute, / or /shop.`,
      });
  });
  if (findings.length > 0) throw new CatalogError('invalid-object', {}, findings);
  return {
    name: name as string,
    grants: read.filter((grant) => typeof grant !== 'string'),
    ...(expiresInSeconds === undefined || expiresInSeconds === null
      ? {}
      : { expiresInSeconds: expiresInSeconds as number }),
  };
}

function nameFindings(name: unknown): readonly ErrorDetail[] {
  if (typeof name === 'string' && nameForm.test(name) && !reservedNames.has(name)) return [];
  const reserved = typeof name === 'string' && reservedNames.has(name);
  return [
    {
      path: '/name',
      errors: [
        reserved ? `must not be '${name}'` : 'must be 1 to 64 letters, digits, dots, @, _ and hyphens',
      ],
      code: 'name',
      hint: 'Name who or what will use it, for example "ci-shop".',
    },
  ];
}

function lifeFindings(seconds: unknown): readonly ErrorDetail[] {
  if (seconds === undefined || seconds === null) return [];
  if (typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_LIFE_SECONDS)
    return [];
  return [
    {
      path: '/expiresInSeconds',
      errors: [`must be a whole number from 1 to ${MAX_LIFE_SECONDS}`],
      code: 'life',
      hint: 'Leave it away for a token that does not expire.',
    },
  ];
}

/** The grant, or what is wrong with it. A trailing slash is forgiven. */
function readGrant(value: unknown): Grant | string {
  if (typeof value !== 'object' || value === null) return 'error.expected.jsobject';
  const { right, path } = value as Record<string, unknown>;
  if (typeof right !== 'string' || !(rights as readonly string[]).includes(right))
    return `right must be one of: ${rights.join(', ')}`;
  if (typeof path !== 'string' || path.length > MAX_PATH_CHARACTERS) return 'path must be a text';
  const canonical = path.length > 1 ? path.replace(/\/+$/, '') : path;
  if (!pathForm.test(canonical)) return 'path must be absolute and made of group ids';
  return { right: right as Right, path: canonical };
}
