const MIB = 1024 * 1024;

/** How far a transfer is, for people: `Fetching https://host/app.tgz: 12.0 of 40.5 MiB`. */
export function progressText({
  shown,
  bytes,
  totalBytes,
}: {
  readonly shown: string;
  readonly bytes: number;
  readonly totalBytes?: number;
}): string {
  const mib = (count: number): string => (count / MIB).toFixed(1);
  return totalBytes === undefined
    ? `Fetching ${shown}: ${mib(bytes)} MiB`
    : `Fetching ${shown}: ${mib(bytes)} of ${mib(totalBytes)} MiB`;
}
