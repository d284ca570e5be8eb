import { SystemClock } from '../util/clock.js';
import { SystemDice } from '../util/ids.js';
import { outliveOutput } from '../util/outlive-output.js';
import { ProbeEngine } from './probe-engine.js';
import { ALIVE_PERIOD_MS, type FromProber, type ToProber } from './prober-messages.js';
import { ResultBatches } from './result-batches.js';

/** The prober process: probes what the server tells it, ends with the server. */
function runProber(): void {
  outliveOutput();
  const clock = new SystemClock();
  const send = (message: FromProber, sent: () => void = () => undefined): void => {
    // The callback gets an error when the channel is gone; `disconnect` then ends this process.
    if (process.connected) process.send?.(message, undefined, undefined, () => sent());
  };
  const batches = new ResultBatches(
    (results, sent) => send({ type: 'results', results }, sent),
    (delayMs, run) => clock.after(delayMs, run),
  );
  const generations = new Map<string, number>();
  const engine = new ProbeEngine({
    clock,
    dice: new SystemDice(),
    onResult: (result) => batches.push({ ...result, generation: generations.get(result.key) ?? 0 }),
  });
  process.on('message', (message) => {
    for (const change of (message as ToProber).changes) {
      if ('add' in change) {
        generations.set(change.add.key, change.generation);
        engine.add(change.add);
      } else {
        generations.delete(change.remove);
        engine.remove(change.remove);
      }
    }
  });
  process.on('disconnect', () => process.exit(0));
  process.on('SIGTERM', () => process.exit(0));
  // A Ctrl-C or a closed terminal reaches the whole process group; the server decides when probing ends.
  process.on('SIGINT', () => undefined);
  process.on('SIGHUP', () => undefined);
  clock.every(ALIVE_PERIOD_MS, () => send({ type: 'alive' }));
  send({ type: 'alive' });
}

runProber();
