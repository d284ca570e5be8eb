import type { AppRecord } from '../../apps/app.js';
import { presentApp } from '../../apps/present-app.js';

/**
 * The JSON text of apps' own fields, made once per record. Records are immutable values, so a changed app has a new
 * record and a new fragment; the old ones go with their records.
 */
export class AppFragments {
  readonly #byRecord = new WeakMap<AppRecord, string>();

  /** `{...}`: the app as `GET /v2/apps/{id}/versions/{version}` and the queue show it. */
  whole(record: AppRecord): string {
    return `${this.open(record)}}`;
  }

  /** The same without the closing brace, for further members. An app always has members, so `,` follows. */
  open(record: AppRecord): string {
    const known = this.#byRecord.get(record);
    if (known !== undefined) return known;
    const fragment = JSON.stringify(presentApp(record.app)).slice(0, -1);
    this.#byRecord.set(record, fragment);
    return fragment;
  }
}
