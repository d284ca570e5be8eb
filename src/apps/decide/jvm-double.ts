/** A number as Marathon's texts print it: always with a fraction (`1.0`, `0.5`). */
export function jvmDouble(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
