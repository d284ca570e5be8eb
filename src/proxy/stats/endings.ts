/**
 * Words for how a request ended, by HAProxy's letters of cause and phase (`sC`: the server was silent while we connected).
 * They are the values of the label `reason` in Prometheus; there are few, and they do not change.
 */
const words: Readonly<Record<string, string>> = {
  PR: 'refused',
  PT: 'refused',
  LR: 'answered-here',
  CR: 'client-left',
  cR: 'client-too-slow',
  CQ: 'client-left',
  CC: 'client-left',
  CH: 'client-left',
  CD: 'client-left',
  cH: 'client-too-slow',
  cD: 'client-too-slow',
  sQ: 'queue-timeout',
  SQ: 'queue-full',
  RQ: 'queue-full',
  SC: 'server-refused',
  sC: 'connect-timeout',
  SH: 'server-broke-off',
  sH: 'server-timeout',
  PH: 'bad-answer',
  SD: 'answer-cut',
  sD: 'answer-timeout',
  PD: 'bad-answer',
  RR: 'no-room',
  RC: 'no-room',
};

const byCause: Readonly<Record<string, string>> = {
  C: 'client-left',
  c: 'client-too-slow',
  S: 'server-broke-off',
  s: 'server-timeout',
  P: 'refused',
  L: 'answered-here',
  R: 'no-room',
  K: 'worker-ended',
};

/** The word for a cause and a phase. */
export function endingText(cause: string, phase: string): string {
  return words[cause + phase] ?? byCause[cause] ?? 'other';
}

/** Counts by cause and phase as counts by word. */
export function endingsByWord(
  endings: Readonly<Record<string, number>> | undefined,
): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const [letters, count] of Object.entries(endings ?? {})) {
    const word = endingText(letters.charAt(0), letters.charAt(1));
    sums.set(word, (sums.get(word) ?? 0) + count);
  }
  return sums;
}
