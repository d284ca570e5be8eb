import type { Socket } from 'node:net';
import type { Counters } from '../counters.js';
import type { DataPlane } from '../data-plane.js';
import type { DeadlineSet } from '../deadlines.js';
import type { ExchangeRecord } from '../exchange-record.js';
import type { LiveServer } from '../live-server.js';
import type { LiveService } from '../live-service.js';
import { Tunnel } from '../tunnel.js';

/** What is joined, and who counts. */
export interface Joining {
  readonly client: Socket;
  readonly upstream: Socket;
  /** To the client, before anything else: the answer's head, and what came behind it. */
  readonly head: string;
  readonly first: Buffer;
  /** To the server: what the client has sent already. */
  readonly early: Buffer | undefined;
  readonly frontend: Counters;
  readonly service: LiveService;
  readonly server: LiveServer;
  readonly record: ExchangeRecord;
  readonly deadlines: DeadlineSet;
}

/** Joins a client and a server that agreed to speak another protocol. Ends the server's and the service's count when it is over. */
export function joinTunnel(joining: Joining, plane: DataPlane, onEnded: () => void): Tunnel {
  const { client, upstream, head, first, early, frontend, service, server, record } = joining;
  client.removeAllListeners();
  client.write(head, 'latin1');
  if (first.length > 0) client.write(first);
  if (early) upstream.write(early);
  const counted = [frontend, server.counters, service.counters];
  record.phase = 'D';
  return new Tunnel(client, upstream, joining.deadlines, {
    toServer: (bytes) => {
      for (const counters of counted) counters.bin += bytes;
      record.bytesIn += bytes;
    },
    toClient: (bytes) => {
      for (const counters of counted) counters.bout += bytes;
      record.bytesOut += bytes;
    },
    ended: (cause) => {
      record.broke(cause);
      if (cause === '-') record.phase = '-';
      service.counters.totalTime.add(plane.clock.monotonicMs() - record.startedMs);
      server.end();
      service.counters.end();
      frontend.end();
      onEnded();
    },
  });
}
