const HIDDEN = "'(hidden)'";

/** A configuration as it may be shown to everybody: without passwords, and without header values that apps set. */
export function shownConfiguration(text: string): string {
  return text
    .replace(/^( {2}user .*? (?:insecure-)?password ).*$/gm, `$1${HIDDEN}`)
    .replace(/^( {2}http-(?:request|response) set-header \S+ )'.*$/gm, `$1${HIDDEN}`);
}
