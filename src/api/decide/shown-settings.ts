import type { SettingEntry } from '../../config/setting-entry.js';
import type { Settings } from '../../config/settings.js';

/** What stands where a secret was, as Marathon masks. */
export const MASK = 'xxxxxxxx';

/** Names of settings whose values are secrets themselves; files and paths of secrets are none. */
const secretName = /(credential|password|passphrase|secret|token)/i;
const placeName = /(file|path|dir|timeout|ttl)$/i;

/** `scheme://user:password@host` anywhere in a text. */
const userInfo = /([a-z][a-z0-9+.-]*:\/\/)[^/\s@]+@/gi;

/** A text without the user and password of the URLs in it. */
export function withoutUserInfo(text: string): string {
  return text.replace(userInfo, `$1${MASK}:${MASK}@`);
}

/**
 * The settings as `GET /config` shows them: by flag name, `null` where nothing is set, secrets masked. What a new
 * setting is called decides whether it is masked, so that forgetting it here shows too little, never too much.
 */
export function shownSettings(
  settings: Settings,
  table: readonly SettingEntry[],
): Readonly<Record<string, unknown>> {
  const shown: Record<string, unknown> = {};
  for (const { name, flag } of table) {
    const value = settings[name];
    if (value === undefined) shown[flag] = null;
    else if (secretName.test(flag) && !placeName.test(flag)) shown[flag] = MASK;
    else shown[flag] = typeof value === 'string' ? withoutUserInfo(value) : value;
  }
  return shown;
}
