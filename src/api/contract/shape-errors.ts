import type { ErrorObject } from 'ajv';
import type { ErrorDetail } from '../../errors/registry.js';

/** Findings told in one answer; more would only bloat it. */
export const MAX_SHAPE_DETAILS = 100;
/** Characters of the object quoted when a member is missing. */
const MAX_QUOTED_CHARACTERS = 200;
/** `maximum` of 32-bit integers: beyond it a number is no integer to Marathon's clients, not merely too large. */
const INT32_MAX = 2_147_483_647;

interface Finding {
  readonly pointer: readonly string[];
  readonly text: string;
  readonly hint: string;
}

type Reading = (error: ErrorObject) => {
  readonly text: string;
  readonly hint: string;
  readonly member?: string;
};

const typeTexts: Readonly<Record<string, string>> = {
  string: 'error.expected.jsstring',
  number: 'error.expected.jsnumber',
  object: 'error.expected.jsobject',
  array: 'error.expected.jsarray',
  boolean: 'error.expected.jsboolean',
};

const a = (type: string): string => (/^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`);

/** JSON Schema keyword -> Marathon's text (Marathon reference 1.2) and our hint. */
const readings: Readonly<Record<string, Reading>> = {
  type: ({ params, data }) => {
    const wanted =
      ([] as string[]).concat(params['type'] as string | string[]).find((type) => type !== 'null') ?? 'null';
    const hint = `Must be ${a(wanted)}.`;
    if (wanted === 'integer') {
      return { text: typeof data === 'number' ? 'error.expected.int' : 'error.expected.jsnumber', hint };
    }
    return { text: typeTexts[wanted] ?? `error.expected.${wanted}`, hint };
  },
  minimum: ({ params }) => ({ text: 'error.min', hint: `Must be at least ${String(params['limit'])}.` }),
  maximum: ({ params }) =>
    params['limit'] === INT32_MAX
      ? { text: 'error.expected.int', hint: `Must be a 32-bit integer, at most ${INT32_MAX}.` }
      : { text: 'error.max', hint: `Must be at most ${String(params['limit'])}.` },
  minLength: ({ params }) => ({
    text: 'error.minLength',
    hint: `Must have at least ${String(params['limit'])} characters.`,
  }),
  maxLength: ({ params }) => ({
    text: 'error.maxLength',
    hint: `Must have at most ${String(params['limit'])} characters.`,
  }),
  minItems: ({ params }) => ({
    text: 'error.minLength',
    hint: `Must have at least ${String(params['limit'])} elements.`,
  }),
  maxItems: ({ params }) => ({
    text: 'error.maxLength',
    hint: `Must have at most ${String(params['limit'])} elements.`,
  }),
  pattern: ({ params }) => ({ text: 'error.pattern', hint: `Must match ${String(params['pattern'])}` }),
  enum: ({ params }) => ({
    text: 'error.unknown.enum.literal',
    hint: `Must be one of ${(params['allowedValues'] as unknown[]).filter((value) => value !== null).join(', ')}.`,
  }),
  maxProperties: ({ params }) => ({
    text: 'error.maxLength',
    hint: `Must have at most ${String(params['limit'])} members.`,
  }),
  additionalProperties: ({ params, parentSchema }) => ({
    text: 'error.unknown.member',
    hint: `Known here: ${Object.keys((parentSchema?.['properties'] as object | undefined) ?? {}).join(', ')}.`,
    member: String(params['additionalProperty']),
  }),
  required: ({ params, data }) => {
    const member = String(params['missingProperty']);
    return {
      text: `'${member}' is undefined on object: ${quote(data)}`,
      hint: `\`${member}\` must be given.`,
      member,
    };
  },
};

const otherwise: Reading = ({ keyword, message }) => ({ text: `error.${keyword}`, hint: message ?? '' });

/**
 * Turns a validator's errors into details, one per path, in the order of the document's findings.
 * `body` is what was validated: it tells array elements from members whose names are digits.
 */
export function shapeDetails(errors: readonly ErrorObject[], body: unknown): readonly ErrorDetail[] {
  const byPath = new Map<string, { errors: string[]; hint: string }>();
  for (const finding of findings(withoutOtherBranches(errors))) {
    const path = marathonPath(finding.pointer, body);
    const known = byPath.get(path);
    if (!known) {
      if (byPath.size >= MAX_SHAPE_DETAILS) break;
      byPath.set(path, { errors: [finding.text], hint: finding.hint });
    } else if (!known.errors.includes(finding.text)) known.errors.push(finding.text);
  }
  return [...byPath].map(([path, { errors: texts, hint }]) => ({ path, errors: texts, code: 'shape', hint }));
}

function* findings(errors: readonly ErrorObject[]): Iterable<Finding> {
  for (const error of errors) {
    const { text, hint, member } = (readings[error.keyword] ?? otherwise)(error);
    const pointer = error.instancePath.split('/').slice(1).map(unescapePointer);
    yield { pointer: member === undefined ? pointer : [...pointer, member], text, hint };
  }
}

/**
 * Of a choice (`anyOf`) that failed, keeps only what the branch of the value's own type says; when the value is of no
 * branch's type, only that the first branch's type was expected.
 */
function withoutOtherBranches(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  let kept = errors;
  for (const choice of errors) {
    if (choice.keyword !== 'anyOf') continue;
    const ofBranch = (error: ErrorObject): string | undefined =>
      error.schemaPath.startsWith(`${choice.schemaPath}/`) &&
      error.instancePath.startsWith(choice.instancePath)
        ? error.schemaPath.slice(choice.schemaPath.length + 1).split('/')[0]
        : undefined;
    const mistyped = new Map<string, ErrorObject>();
    for (const error of kept) {
      const branch = ofBranch(error);
      if (branch !== undefined && error.keyword === 'type' && error.instancePath === choice.instancePath)
        mistyped.set(branch, error);
    }
    const first = mistyped.get('0');
    const anyFits = kept.some((error) => {
      const branch = ofBranch(error);
      return branch !== undefined && !mistyped.has(branch);
    });
    kept = kept.filter((error) => {
      if (error === choice) return false;
      const branch = ofBranch(error);
      return branch === undefined || (anyFits ? !mistyped.has(branch) : error === first);
    });
  }
  return kept;
}

/** `['healthChecks', '0', 'port']` -> `/healthChecks(0)/port`; the empty pointer is `/`. */
export function marathonPath(pointer: readonly string[], body: unknown): string {
  let path = '';
  let at = body;
  for (const part of pointer) {
    if (Array.isArray(at)) path += path === '' ? `/(${part})` : `(${part})`;
    else path += `/${part.includes('/') ? `"${part}"` : part}`;
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[part] : undefined;
  }
  return path === '' ? '/' : path;
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}

function quote(data: unknown): string {
  const text = shallow(data);
  return text.length <= MAX_QUOTED_CHARACTERS ? text : `${text.slice(0, MAX_QUOTED_CHARACTERS)}...`;
}

/** The object as JSON, its first members only, so that a huge body is never printed whole. */
function shallow(data: unknown): string {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return typeof data;
  const members: string[] = [];
  for (const name in data) {
    if (members.length === 8) break;
    const value = (data as Record<string, unknown>)[name];
    const text =
      typeof value === 'object' && value !== null
        ? Array.isArray(value)
          ? '[...]'
          : '{...}'
        : JSON.stringify(value);
    members.push(
      `${JSON.stringify(name.slice(0, 64))}:${text.length > 64 ? `${text.slice(0, 64)}...` : text}`,
    );
  }
  return `{${members.join(',')}}`;
}
