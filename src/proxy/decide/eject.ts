/** A server that refused a connection is left alone for so long; doubled at each further refusal. */
export const FIRST_EJECTION_MS = 500;
export const LONGEST_EJECTION_MS = 10_000;

/** How long a server is left alone after its `failures`-th connection failure in a row (1 or more). */
export function ejectionMs(failures: number): number {
  return Math.min(LONGEST_EJECTION_MS, FIRST_EJECTION_MS * 2 ** Math.min(failures - 1, 10));
}
