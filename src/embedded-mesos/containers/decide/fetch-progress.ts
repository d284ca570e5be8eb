const MIB = 1024 * 1024;

/** How far a transfer is, for people: `Fetching https://host/app.tgz: 12.0 of 40.5 MiB`. */
export function progressText({
  shown,
  bytes,
  totalBytes,
  unpackingSeconds,
}: {
  readonly shown: string;
  readonly bytes: number;
  readonly totalBytes?: number;
  readonly unpackingSeconds?: number;
}): string {
  const mib = (count: number): string => (count / MIB).toFixed(1);
  if (unpackingSeconds !== undefined) return `Unpacking ${shown} (${unpackingSeconds} s)`;
  return totalBytes === undefined
    ? `Fetching ${shown}: ${mib(bytes)} MiB`
    : `Fetching ${shown}: ${mib(bytes)} of ${mib(totalBytes)} MiB`;
}
