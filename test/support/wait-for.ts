/** On machines that are busy or slow throughout (emulated ones) everything may take so many times longer. */
export const patience = Number(process.env['TEST_PATIENCE'] ?? 1);

/** Waits until `condition` holds (or gives a value); fails after `timeoutMs` with what was awaited. */
export async function waitFor<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs = 10_000, what = 'the condition' }: { timeoutMs?: number; what?: string | (() => string) } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs * patience;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) {
      throw new Error(
        `waited ${timeoutMs * patience} ms in vain for ${typeof what === 'string' ? what : what()}`,
      );
    }
    await new Promise<void>((again) => setImmediate(() => setTimeout(again, 5)));
  }
}
