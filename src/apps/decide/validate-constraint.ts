/** A finding about one constraint: Marathon's text and our hint. */
export interface ConstraintProblem {
  readonly error: string;
  readonly hint: string;
}

/** Longest regular expression in a constraint; it is matched against every offer. */
export const MAX_PATTERN_LENGTH = 512;

const wholeNumber = /^[1-9]\d{0,8}$/;

type Rule = (value: string | undefined) => ConstraintProblem | undefined;

/** What each operator asks of its value (Marathon reference 2.4 and 6.1). */
const rules: Readonly<Record<string, Rule>> = {
  UNIQUE: (value) =>
    value ? { error: 'UNIQUE does not accept a value', hint: 'Write `["<field>", "UNIQUE"]`.' } : undefined,
  CLUSTER: () => undefined,
  GROUP_BY: (value) =>
    value === undefined || value === '' || wholeNumber.test(value) || value.toLowerCase() === 'inf'
      ? undefined
      : {
          error: 'GROUP BY must define an integer value or else no value at all',
          hint: 'Give the number of groups, at least 1, or leave it out.',
        },
  MAX_PER: (value) =>
    value !== undefined && wholeNumber.test(value)
      ? undefined
      : {
          error: 'MAX_PER requires an integer value',
          hint: 'Give the most instances per value, at least 1.',
        },
  LIKE: pattern,
  UNLIKE: pattern,
  IS: (value) =>
    value !== undefined && /^[a-zA-Z0-9_/.-]*$/.test(value)
      ? undefined
      : {
          error:
            'IS only supports Mesos text and float values (see http://mesos.apache.org/documentation/latest/attributes-resources/)',
          hint: 'Letters, digits, `_`, `/`, `.` and `-` only.',
        },
};

/** Upper case. */
export const constraintOperators: ReadonlySet<string> = new Set(Object.keys(rules));

/** The first thing wrong with a constraint whose operator is already upper-cased; undefined when nothing is. */
export function constraintProblem(constraint: readonly string[]): ConstraintProblem | undefined {
  const [field, operator, value] = constraint;
  if (constraint.length === 0) {
    return { error: 'Missing field and operator', hint: 'Write `["<field>", "<operator>"]`.' };
  }
  if (constraint.length < 2 || constraint.length > 3) {
    return {
      error: 'Each constraint must have either 2 or 3 fields',
      hint: 'Write `["<field>", "<operator>"]` or `["<field>", "<operator>", "<value>"]`.',
    };
  }
  if (!field) {
    return {
      error: 'missing field for constraint declaration',
      hint: 'The first part names `@hostname`, `@zone`, `@region` or an attribute of the agents.',
    };
  }
  const rule = operator !== undefined && Object.hasOwn(rules, operator) ? rules[operator] : undefined;
  if (!rule) {
    return {
      error: 'operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER, UNLIKE or IS',
      hint: `\`${(operator ?? '').slice(0, 40)}\` is none.`,
    };
  }
  return rule(value);
}

function pattern(value: string | undefined): ConstraintProblem | undefined {
  if (!value) {
    return {
      error: 'LIKE and UNLIKE require a non-empty, regular expression value',
      hint: 'The expression must match the whole value, e.g. `rack-[1-3]`.',
    };
  }
  if (value.length > MAX_PATTERN_LENGTH) {
    return { error: 'is not a valid regular expression', hint: `At most ${MAX_PATTERN_LENGTH} characters.` };
  }
  try {
    new RegExp(`^(?:${value})$`);
  } catch (error) {
    return {
      error: 'is not a valid regular expression',
      hint: error instanceof Error ? error.message : String(error),
    };
  }
  if (repeatsARepetition(value)) {
    return {
      error: 'is not a valid regular expression',
      hint: 'A repeated group may not itself hold a repetition, as in `(a+)+`: matching could take for ever.',
    };
  }
  return undefined;
}

/**
 * Whether a group under `*`, `+` or `{n,}` itself holds one of these: the classic shape of expressions whose matching
 * time explodes. `text` is a well-formed expression.
 */
function repeatsARepetition(text: string): boolean {
  const open: boolean[] = [false];
  let inClass = false;
  let closedHeldRepetition = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    const justClosed = closedHeldRepetition;
    closedHeldRepetition = false;
    if (char === '\\') at++;
    else if (inClass) inClass = char !== ']';
    else if (char === '[') inClass = true;
    else if (char === '(') open.push(false);
    else if (char === ')') {
      const held = open.pop() ?? false;
      closedHeldRepetition = held;
      if (held) open[open.length - 1] = true;
    } else if (
      char === '*' ||
      char === '+' ||
      (char === '{' && /^\{\d+,\d*\}/.test(text.slice(at, at + 24)))
    ) {
      if (justClosed) return true;
      open[open.length - 1] = true;
    }
  }
  return false;
}
