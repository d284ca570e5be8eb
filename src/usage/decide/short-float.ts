/** A positive number in few bits: an exponent, then a mantissa; code 0 is zero, codes grow with their numbers. */
export interface ShortFloat {
  readonly mantissaBits: number;
  /** The smallest number is about 2 to the power of minus this. */
  readonly bias: number;
  readonly maxCode: number;
}

/** 24 bits: from a millionth to ten trillions, 4 parts in a million apart. */
export const LARGE: ShortFloat = { mantissaBits: 18, bias: 20, maxCode: 2 ** 24 - 1 };
/** 16 bits: from a thousandth to four millions, 5 parts in ten thousand apart. */
export const SMALL: ShortFloat = { mantissaBits: 11, bias: 10, maxCode: 2 ** 16 - 1 };

/** The nearest code; what is too small is zero, what is too large the largest. */
export function toCode({ mantissaBits, bias, maxCode }: ShortFloat, value: number): number {
  if (!(value > 0)) return 0;
  const exponent = Math.floor(Math.log2(value));
  const mantissa = Math.round((value / 2 ** exponent - 1) * 2 ** mantissaBits);
  const code = (exponent + bias) * 2 ** mantissaBits + mantissa;
  return Math.min(maxCode, Math.max(0, code));
}

export function fromCode({ mantissaBits, bias }: ShortFloat, code: number): number {
  if (code === 0) return 0;
  const exponent = Math.floor(code / 2 ** mantissaBits);
  const mantissa = code % 2 ** mantissaBits;
  return (1 + mantissa / 2 ** mantissaBits) * 2 ** (exponent - bias);
}
