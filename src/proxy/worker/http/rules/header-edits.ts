import type { HeaderRules } from '../../../../apps/port-routing.js';
import { fieldValues, withoutFields } from '../../../decide/head-lines.js';
import { isFieldValue, skipToken } from '../characters.js';

/** These say where messages end and what belongs to one connection; no rule touches them. */
const ofTheConnection: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Header rules made ready: applied to lines by dropping fields and appending others. */
export class HeaderEdits {
  readonly #dropped: ReadonlySet<string>;
  readonly #added: string;

  private constructor(dropped: ReadonlySet<string>, added: string) {
    this.#dropped = dropped;
    this.#added = added;
  }

  /** Undefined when nothing is left to do: names and values that could not stand in a head are left out. */
  static of(rules: HeaderRules | undefined): HeaderEdits | undefined {
    const set = Object.entries(rules?.set ?? {}).filter(([name, value]) => isSafe(name, value));
    const remove = (rules?.remove ?? []).filter((name) => isSafe(name, ''));
    if (set.length + remove.length === 0) return undefined;
    const names = [...remove, ...set.map(([name]) => name)].map((name) => name.toLowerCase());
    return new HeaderEdits(
      new Set(names),
      set.map(([name, value]) => `${spelled(name)}: ${value}\r\n`).join(''),
    );
  }

  /** The value of this field is a rule's, whatever it was. */
  sets(name: string): boolean {
    return this.#dropped.has(name) && fieldValues(this.#added, name).length > 0;
  }

  apply(lines: string): string {
    return withoutFields(lines, this.#dropped) + this.#added;
  }
}

function isSafe(name: string, value: string): boolean {
  return (
    name !== '' &&
    skipToken(name, 0, name.length) === name.length &&
    !ofTheConnection.has(name.toLowerCase()) &&
    isFieldValue(value, 0, value.length) &&
    !/[^\0-\xff]/.test(value)
  );
}

/** `x-frame-options` as people write it. */
function spelled(name: string): string {
  return name.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
}
