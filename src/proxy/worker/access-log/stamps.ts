/** Instants as text. Most lines of a log are of the second of the line before: what is the same is made once a second. */
export class Stamps {
  #isoSecond = Number.NaN;
  #iso = '';
  #haproxySecond = Number.NaN;
  #haproxy = '';

  /** `2026-11-23T02:02:45.123Z`. */
  iso(wallMs: number): string {
    const second = Math.floor(wallMs / 1_000);
    if (second !== this.#isoSecond) {
      this.#isoSecond = second;
      this.#iso = new Date(second * 1_000).toISOString().slice(0, 20);
    }
    return `${this.#iso}${threeDigits(wallMs - second * 1_000)}Z`;
  }

  /** `23/Nov/2026:02:02:45.123`, in the local time zone, as HAProxy writes it. */
  haproxy(wallMs: number): string {
    const second = Math.floor(wallMs / 1_000);
    if (second !== this.#haproxySecond) {
      this.#haproxySecond = second;
      const at = new Date(second * 1_000);
      const day = `${twoDigits(at.getDate())}/${monthNames[at.getMonth()] ?? ''}/${at.getFullYear()}`;
      this.#haproxy = `${day}:${twoDigits(at.getHours())}:${twoDigits(at.getMinutes())}:${twoDigits(at.getSeconds())}`;
    }
    return `${this.#haproxy}.${threeDigits(wallMs - second * 1_000)}`;
  }
}

export const monthNames: readonly string[] = [
  'Jan',
  'Feb',
  'Mar',
  'Apr',
  'May',
  'Jun',
  'Jul',
  'Aug',
  'Sep',
  'Oct',
  'Nov',
  'Dec',
];

export const twoDigits = (value: number): string => (value < 10 ? `0${value}` : `${value}`);

function threeDigits(value: number): string {
  const whole = Math.floor(value);
  return whole < 10 ? `00${whole}` : whole < 100 ? `0${whole}` : `${whole}`;
}
