/** Bounds of one request. */
export interface ChunkLimits {
  readonly apps: number;
  readonly characters: number;
}

/** Cuts a list into requests that a server takes, in order; an element that is too large goes alone. */
export function chunksOf<Item>(
  items: readonly Item[],
  limits: ChunkLimits,
  sizeOf: (item: Item) => number,
): readonly (readonly Item[])[] {
  const chunks: Item[][] = [];
  let characters = 0;
  for (const item of items) {
    const size = sizeOf(item);
    const last = chunks.at(-1);
    if (!last || last.length >= limits.apps || characters + size > limits.characters) {
      chunks.push([item]);
      characters = size;
    } else {
      last.push(item);
      characters += size;
    }
  }
  return chunks;
}
