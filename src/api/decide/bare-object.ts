import { resolvePath } from '../../apps/path.js';
import { CatalogError } from '../../errors/registry.js';
import { lenientId } from './lenient-body.js';

const MAX_BODY_SHOWN = 200;

/** Whether a body is one definition where a list of them belongs. */
export function isBareObject(body: unknown): body is Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null && !Array.isArray(body);
}

/**
 * The list that a bare object stands for, when there is but one app that it can mean: the one it names, or `onlyApp`,
 * the id of the only app there is. Undefined when there is none.
 */
export function listForBareObject(
  body: Readonly<Record<string, unknown>>,
  onlyApp: string | undefined,
): readonly unknown[] | undefined {
  if (typeof body['id'] === 'string') return [body];
  return onlyApp === undefined ? undefined : [{ ...body, id: onlyApp }];
}

/**
 * The refusal of a bare object in a bulk PATCH, with the call that does what was meant: for the app that it names, else
 * for the only one there is, else with a place to fill in.
 */
export function bareObjectRefusal(
  body: Readonly<Record<string, unknown>>,
  onlyApp: string | undefined,
): CatalogError {
  const { id, ...fields } = body;
  const target = typeof id === 'string' ? resolvePath(lenientId(id)) : onlyApp;
  const call = `PATCH /v2/apps${target ?? '/<id>'} ${shown(fields)}`;
  const several = `PATCH /v2/apps ${shown([{ id: target ?? '/<id>', ...fields }])}`;
  return new CatalogError('invalid-json', {}, [
    {
      path: '/',
      errors: ['error.expected.jsarray'],
      code: 'bare-object',
      hint: `For one app: ${call} - for several: ${several}`,
    },
  ]);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= MAX_BODY_SHOWN ? text : `${text.slice(0, MAX_BODY_SHOWN)}...`;
}
