import { CatalogError } from '../errors/registry.js';

type Requirement =
  | { readonly kind: 'exists'; readonly key: string }
  | { readonly kind: 'in' | 'notin'; readonly key: string; readonly values: ReadonlySet<string> };

/** What a parse failure throws inside; it never leaves this file. */
class SelectorSyntax extends Error {}

const termChar = /[-A-Za-z0-9_.]/;
const HINT = 'e.g. `env==prod, tier in (web, api), owner`';

/**
 * A predicate on labels from a selector: comma separated (all must hold) `key`, `key==v`, `key!=v`, `key in (a, b)`,
 * `key notin (a, b)`; any other character is escaped by a backslash. `!=` and `notin` also ask that the label exists.
 * Throws CatalogError `invalid-argument` (422) with Marathon's text when it cannot be read.
 */
export function parseLabelSelector(text: string): (labels: Readonly<Record<string, string>>) => boolean {
  let requirements: readonly Requirement[];
  try {
    requirements = new Reader(text).requirements();
  } catch (error) {
    if (!(error instanceof SelectorSyntax)) throw error;
    throw new CatalogError('invalid-argument', {
      reason: `Can not parse label selector ${text.slice(0, 200)}. Reason: ${error.message}`,
      hint: HINT,
    });
  }
  return (labels) => requirements.every((requirement) => holds(requirement, labels));
}

function holds(requirement: Requirement, labels: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  if (value === undefined) return false;
  if (requirement.kind === 'exists') return true;
  return requirement.values.has(value) === (requirement.kind === 'in');
}

class Reader {
  #at = 0;

  constructor(private readonly text: string) {}

  requirements(): readonly Requirement[] {
    const found: Requirement[] = [];
    do found.push(this.#requirement());
    while (this.#take(','));
    if (this.#at < this.text.length) this.#fail(`',' expected`);
    return found;
  }

  #requirement(): Requirement {
    const key = this.#term('a label name');
    if (this.#take('==')) return { kind: 'in', key, values: new Set([this.#term('a value')]) };
    if (this.#take('!=')) return { kind: 'notin', key, values: new Set([this.#term('a value')]) };
    const before = this.#at;
    const word = this.#wordAhead();
    if (word !== 'in' && word !== 'notin') {
      this.#at = before;
      return { kind: 'exists', key };
    }
    if (!this.#take('(')) this.#fail(`'(' expected`);
    const values = new Set<string>();
    do values.add(this.#term('a value'));
    while (this.#take(','));
    if (!this.#take(')')) this.#fail(`')' expected`);
    return { kind: word, key, values };
  }

  #skipBlanks(): void {
    while (/\s/.test(this.text[this.#at] ?? '')) this.#at++;
  }

  #take(token: string): boolean {
    this.#skipBlanks();
    if (!this.text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #wordAhead(): string {
    this.#skipBlanks();
    const word = /^[a-z]*/.exec(this.text.slice(this.#at, this.#at + 8))?.[0] ?? '';
    this.#at += word.length;
    return word;
  }

  #term(what: string): string {
    this.#skipBlanks();
    let term = '';
    for (; this.#at < this.text.length; this.#at++) {
      const char = this.text[this.#at] ?? '';
      if (char === '\\' && this.#at + 1 < this.text.length) term += this.text[++this.#at];
      else if (termChar.test(char)) term += char;
      else break;
    }
    return term === '' ? this.#fail(`${what} expected`) : term;
  }

  #fail(problem: string): never {
    const found = this.#at < this.text.length ? `'${this.text[this.#at]}'` : 'the end';
    throw new SelectorSyntax(`${problem} but ${found} found at position ${this.#at + 1}`);
  }
}
