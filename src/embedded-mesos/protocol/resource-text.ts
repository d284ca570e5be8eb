import { coalesce } from './ranges.js';
import type { Resource } from './resource.js';
import { reservationsOf } from './resources.js';
import type { Attribute, Range } from './values.js';

/** A text of --resources or --attributes is wrong; the message is a sentence that says what is allowed. */
export class ResourceTextError extends Error {
  override readonly name = 'ResourceTextError';
}

type ParsedValue =
  | { readonly type: 'SCALAR'; readonly value: number }
  | { readonly type: 'RANGES'; readonly ranges: readonly Range[] }
  | { readonly type: 'SET'; readonly items: readonly string[] }
  | { readonly type: 'TEXT'; readonly text: string };

/**
 * Reads Mesos's resource text: `cpus:4;mem:4096;mem(prod):512;ports(*):[31000-32000];disks:{a,b}` (Mesos reference 5.1).
 * Blanks do not matter. `(role)` is a static reservation, `(*)` or nothing means unreserved. A name may come several
 * times; amounts of one name and role are summed by whoever adds them up. Throws ResourceTextError.
 */
export function parseResources(text: string): Resource[] {
  return pieces(text).map((piece) => {
    const match = /^([^:(){}[\];]+)(?:\(([^()]*)\))?:(.+)$/.exec(piece);
    const [, name, role, valueText] = match ?? [];
    if (!name || valueText === undefined) {
      throw new ResourceTextError(
        `'${piece}' is not a resource; write name:value or name(role):value, for example cpus:4`,
      );
    }
    if (role === '')
      throw new ResourceTextError(`'${piece}' has an empty role; leave the parentheses out or write (*)`);
    const reserved =
      role !== undefined && role !== '*' ? { reservations: [{ type: 'STATIC' as const, role }] } : {};
    return { name, ...resourceValue(piece, valueText), ...reserved };
  });
}

/**
 * Reads Mesos's attribute text: `rack:r1;zone:a;level:10;keys:[1000-1500]` (Mesos reference 5.1), split at the first
 * colon of each piece. Values are numbers, ranges or text. Throws ResourceTextError.
 */
export function parseAttributes(text: string): Attribute[] {
  return text
    .split(';')
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '')
    .map((piece) => {
      const colon = piece.indexOf(':');
      const name = piece.slice(0, colon).trim();
      const value = piece.slice(colon + 1).trim();
      if (colon <= 0 || name === '' || value === '') {
        throw new ResourceTextError(`'${piece}' is not an attribute; write name:value, for example rack:r1`);
      }
      return attributeOf(name, piece, value);
    });
}

function attributeOf(name: string, piece: string, valueText: string): Attribute {
  const value = parseValue(piece, valueText);
  switch (value.type) {
    case 'SCALAR':
      return { name, type: 'SCALAR', scalar: { value: value.value } };
    case 'RANGES':
      return { name, type: 'RANGES', ranges: { range: value.ranges } };
    case 'TEXT':
      return { name, type: 'TEXT', text: { value: value.text } };
    case 'SET':
      throw new ResourceTextError(`'${piece}': an attribute is a number, a range or a text, not a set`);
  }
}

function resourceValue(
  piece: string,
  valueText: string,
): Pick<Resource, 'type' | 'scalar' | 'ranges' | 'set'> {
  const value = parseValue(piece, valueText);
  switch (value.type) {
    case 'SCALAR':
      if (value.value < 0) throw new ResourceTextError(`'${piece}': an amount must not be below 0`);
      return { type: 'SCALAR', scalar: { value: value.value } };
    case 'RANGES':
      return { type: 'RANGES', ranges: { range: value.ranges } };
    case 'SET':
      return { type: 'SET', set: { item: value.items } };
    case 'TEXT':
      throw new ResourceTextError(
        `'${piece}': '${value.text}' is no amount; write a number (4), ranges ([31000-32000]) or a set ({a,b})`,
      );
  }
}

function pieces(text: string): string[] {
  return text
    .replaceAll(/\s/g, '')
    .split(';')
    .filter((piece) => piece !== '');
}

function parseValue(piece: string, text: string): ParsedValue {
  if (text.startsWith('[')) return { type: 'RANGES', ranges: parseRanges(piece, text.replaceAll(/\s/g, '')) };
  if (text.startsWith('{')) return { type: 'SET', items: parseSet(piece, text.replaceAll(/\s/g, '')) };
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) {
    const value = Math.round(Number(text) * 1000) / 1000;
    if (Number.isFinite(value)) return { type: 'SCALAR', value };
  }
  return { type: 'TEXT', text };
}

function parseRanges(piece: string, text: string): readonly Range[] {
  if (!text.endsWith(']'))
    throw new ResourceTextError(`'${piece}': ranges end with ']', for example [31000-32000]`);
  const inner = text.slice(1, -1);
  if (inner === '') return [];
  return coalesce(
    inner.split(',').map((range) => {
      const match = /^(\d+)-(\d+)$/.exec(range);
      if (!match)
        throw new ResourceTextError(
          `'${piece}': '${range}' is not a range; write first-last, for example 31000-32000`,
        );
      const begin = Number(match[1]);
      const end = Number(match[2]);
      if (begin > end) throw new ResourceTextError(`'${piece}': the range ${range} begins above its end`);
      return { begin, end };
    }),
  );
}

function parseSet(piece: string, text: string): readonly string[] {
  if (!text.endsWith('}')) throw new ResourceTextError(`'${piece}': a set ends with '}', for example {a,b}`);
  const items = text
    .slice(1, -1)
    .split(',')
    .filter((item) => item !== '');
  if (new Set(items).size !== items.length)
    throw new ResourceTextError(`'${piece}': an item of the set comes twice`);
  return [...items].sort();
}

/** `[31000-32000, 40000-40009]`, as Mesos shows ranges in its state. */
export function rangesText(ranges: readonly Range[]): string {
  return `[${ranges.map(({ begin, end }) => `${begin}-${end}`).join(', ')}]`;
}

/** A resource list as Mesos writes it in messages: `cpus(allocated: web):1.5; ports(allocated: web):[31000-31005]`. */
export function resourcesText(list: readonly Resource[]): string {
  return list
    .map(
      (resource) => `${resource.name}${allocation(resource)}${reservation(resource)}:${amountText(resource)}`,
    )
    .join('; ');
}

function allocation(resource: Resource): string {
  return resource.allocation_info ? `(allocated: ${resource.allocation_info.role})` : '';
}

function reservation(resource: Resource): string {
  const reservations = reservationsOf(resource);
  if (reservations.length === 0) return '';
  const stack = reservations.map(
    ({ type, role, principal }) => `(${[type ?? 'STATIC', role, principal].filter(Boolean).join(',')})`,
  );
  return `(reservations: [${stack.join(',')}])`;
}

function amountText(resource: Resource): string {
  switch (resource.type) {
    case 'SCALAR':
      return String(resource.scalar?.value ?? 0);
    case 'RANGES':
      return rangesText(resource.ranges?.range ?? []);
    case 'SET':
      return `{${(resource.set?.item ?? []).join(', ')}}`;
  }
}
