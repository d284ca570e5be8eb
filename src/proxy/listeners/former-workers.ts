import { rmSync } from 'node:fs';
import type { Log } from '../../logging/log.js';
import { askWorker, findControlSockets, type WorkerIdentity } from '../worker/control-socket.js';

const ANSWER_TIMEOUT_MS = 2_000;
/** A retiring worker answers when its sockets are closed; a stuck one is not waited for longer. */
const RETIRE_TIMEOUT_MS = 5_000;

/** A worker that an earlier parent left running. */
export interface FormerWorker extends WorkerIdentity {
  readonly path: string;
}

/** Finds the workers that still accept connections for this work dir; sockets that nobody answers are removed. */
export async function findFormerWorkers(runDir: string, log: Log): Promise<readonly FormerWorker[]> {
  const found = await Promise.all(
    findControlSockets(runDir).map(async ({ pid, path }) => {
      try {
        return { ...(await askWorker<WorkerIdentity>(path, { do: 'identify' }, ANSWER_TIMEOUT_MS)), path };
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ECONNREFUSED' || code === 'ENOENT') rmSync(path, { force: true });
        else log.warn('an earlier proxy worker does not answer', { pid, error: String(error) });
        return undefined;
      }
    }),
  );
  return found.filter((worker) => worker !== undefined);
}

/**
 * Has them close their listening sockets; they answer what is in flight and end by themselves. `keepHaproxy`: a HAProxy that
 * carries the traffic goes on, and is taken over.
 */
export async function retireFormerWorkers(
  workers: readonly FormerWorker[],
  log: Log,
  keepHaproxy = false,
): Promise<void> {
  await Promise.all(
    workers.map(({ pid, path, plane }) =>
      askWorker(
        path,
        { do: keepHaproxy && plane === 'haproxy' ? 'hand-over' : 'retire' },
        RETIRE_TIMEOUT_MS,
      ).catch((error: unknown) => {
        log.warn('an earlier proxy worker does not retire', { pid, error: String(error) });
      }),
    ),
  );
}
