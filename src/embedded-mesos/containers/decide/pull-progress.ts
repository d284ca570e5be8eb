/** One event of the engine's stream about a pull. */
export interface PullEvent {
  readonly id?: string;
  readonly status?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

interface Layer {
  readonly status: string;
  readonly current: number;
  readonly total: number;
}

/** What is known of a pull: each layer's last word. */
export type PullState = ReadonlyMap<string, Layer>;

const MB = 1_000_000;
/** More layers than any image has: what comes beyond is not counted. */
const MAX_LAYERS = 1_000;
const doneWords: ReadonlySet<string> = new Set(['Pull complete', 'Already exists']);
const layerWords: ReadonlySet<string> = new Set([
  ...doneWords,
  'Pulling fs layer',
  'Waiting',
  'Downloading',
  'Verifying Checksum',
  'Download complete',
  'Extracting',
]);

/** The state after an event; the same state when it says nothing new. */
export function afterPullEvent(state: PullState, { id, status, progressDetail }: PullEvent): PullState {
  if (id === undefined || status === undefined) return state;
  const before = state.get(id);
  if (!layerWords.has(status) && !status.startsWith('Retrying')) return state;
  if (!before && state.size >= MAX_LAYERS) return state;
  const isDownload = status === 'Downloading';
  const total = isDownload ? (progressDetail?.total ?? before?.total ?? 0) : (before?.total ?? 0);
  const current = isDownload
    ? (progressDetail?.current ?? before?.current ?? 0)
    : status === 'Download complete' || doneWords.has(status) || status === 'Extracting'
      ? total
      : (before?.current ?? 0);
  const extracted = status === 'Extracting' ? `Extracting ${progressDetail?.current ?? 0}` : status;
  if (before?.status === extracted && before.current === current && before.total === total) return state;
  return new Map(state).set(id, { status: extracted, current, total });
}

/** The pull in a sentence, for the task's status. */
export function pullText(image: string, state: PullState): string {
  const layers = [...state.values()];
  if (layers.length === 0) return `Pulling image ${image}`;
  const done = layers.filter(({ status }) => doneWords.has(status)).length;
  const current = layers.reduce((sum, layer) => sum + layer.current, 0);
  const total = layers.reduce((sum, layer) => sum + layer.total, 0);
  const bytes = total > 0 ? `, ${(current / MB).toFixed(1)} of ${(total / MB).toFixed(1)} MB` : '';
  return `Pulling image ${image}: ${done} of ${layers.length} layers${bytes}`;
}
