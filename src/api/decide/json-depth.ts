/** Deepest nesting of a JSON document that is accepted. */
export const MAX_JSON_DEPTH = 100;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Watches a JSON document go by in chunks and says when it nests too deeply: what comes after (validation, printing)
 * recurses, and must never meet a document that exhausts the stack. Malformed documents are not its business.
 */
export class JsonDepth {
  #depth = 0;
  #inText = false;
  #escaped = false;

  constructor(private readonly limit = MAX_JSON_DEPTH) {}

  /** False as soon as the document so far nests deeper than the limit. */
  push(chunk: Uint8Array): boolean {
    for (const byte of chunk) {
      if (this.#inText) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inText = false;
      } else if (byte === QUOTE) {
        this.#inText = true;
      } else if (byte === 0x5b || byte === 0x7b) {
        this.#depth++;
        if (this.#depth > this.limit) return false;
      } else if (byte === 0x5d || byte === 0x7d) {
        this.#depth--;
      }
    }
    return true;
  }
}
