import type { Attribute, Ranges } from '../../embedded-mesos/protocol/v1.js';

/** Longest attribute text that constraints look at; the rest is cut off, so that a pattern cannot be fed megabytes. */
export const MAX_ATTRIBUTE_LENGTH = 1_024;

/**
 * A scalar with up to three decimals, half-even on the number's exact binary value, without trailing zeros
 * (Marathon reference 6.1): 1.0005 is `1`, 1.1005 is `1.101`, 0.0625 is `0.062`.
 */
export function scalarText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const exactTie = Number.isInteger(value * 16) && Math.abs(value * 2_000) % 2 === 1;
  let text = value.toFixed(3);
  if (exactTie) {
    const below = Math.floor(value * 1_000);
    text = ((below % 2 === 0 ? below : below + 1) / 1_000).toFixed(3);
  }
  const trimmed = text.replace(/\.?0+$/, '');
  return trimmed === '-0' ? '0' : trimmed;
}

function rangesText(ranges: Ranges | undefined): string {
  const sorted = [...(ranges?.range ?? [])].sort((a, b) => a.begin - b.begin || a.end - b.end);
  return `[${sorted.map((range) => `${range.begin}-${range.end}`).join(',')}]`;
}

/** An agent's attribute as constraints compare it: scalar, text, `[a-b,c-d]`, `{a,b}`. */
export function attributeText(attribute: Attribute): string {
  switch (attribute.type) {
    case 'SCALAR':
      return scalarText(attribute.scalar?.value ?? 0);
    case 'TEXT':
      return (attribute.text?.value ?? '').slice(0, MAX_ATTRIBUTE_LENGTH);
    case 'RANGES':
      return rangesText(attribute.ranges).slice(0, MAX_ATTRIBUTE_LENGTH);
    case 'SET':
      return `{${[...(attribute.set?.item ?? [])].sort().join(',')}}`.slice(0, MAX_ATTRIBUTE_LENGTH);
  }
}
