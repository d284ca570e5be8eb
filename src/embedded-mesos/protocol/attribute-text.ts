import type { Attribute, Range } from './values.js';

/**
 * An agent attribute as text, as constraints compare it (Marathon reference 6.1): text as it is; a scalar with up to three
 * decimals, halves to even, no trailing zeros; ranges `[a-b,c-d]` and sets `{a,b}` sorted.
 */
export function attributeText(attribute: Attribute): string {
  switch (attribute.type) {
    case 'TEXT':
      return attribute.text?.value ?? '';
    case 'SCALAR':
      return scalarText(attribute.scalar?.value ?? 0);
    case 'RANGES':
      return `[${sorted(attribute.ranges?.range ?? [])
        .map(({ begin, end }) => `${begin}-${end}`)
        .join(',')}]`;
    case 'SET':
      return `{${[...(attribute.set?.item ?? [])].sort().join(',')}}`;
  }
}

function sorted(ranges: readonly Range[]): readonly Range[] {
  return [...ranges].sort((a, b) => a.begin - b.begin || a.end - b.end);
}

/**
 * Up to three decimals, judged on the number's exact binary value (so 1.0005, a little below the half, gives `1`, and
 * 1.1005, a little above, `1.101`); exact halves go to the even neighbour.
 */
export function scalarText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  // A double lies exactly between two thousandths only when it is an odd number of sixteenths.
  const isHalf = Math.abs(value * 16) % 2 === 1;
  const fixed = isHalf ? (toEvenThousandths(value) / 1000).toFixed(3) : value.toFixed(3);
  const text = fixed.includes('.') ? fixed.replace(/\.?0+$/, '') : fixed;
  return text === '-0' ? '0' : text;
}

function toEvenThousandths(value: number): number {
  const below = Math.floor(value * 1000);
  return below % 2 === 0 ? below : below + 1;
}
