/** An address and port that HAProxy could not listen on. */
export interface BusyPort {
  readonly address: string;
  readonly port: number;
  readonly reason: string;
}

/** The ports that HAProxy complains of when it starts, or starts a worker with another configuration. */
export function busyPortsIn(words: string): readonly BusyPort[] {
  return [...words.matchAll(/cannot bind socket \(([^)\n]*)\) for \[(\S*):(\d+)\]/g)].map(
    ([, reason = '', address = '', port]) => ({ address, port: Number(port), reason }),
  );
}
