import { octaveEdgesS, octaveOf } from '../../stats/latency-buckets.js';
import type { VersionStats } from '../../stats/proxy-stats.js';
import { RecentRequests } from './recent-requests.js';
import { Unreported } from './unreported.js';

/** Answers of one class and how long they took, since the worker started. */
class ClassDurations {
  readonly octaves = new Float64Array(octaveEdgesS.length + 1);
  count = 0;
  sumMs = 0;
}

/** What one version of an app did: durations by class of the answer, lately and in all. */
export class VersionTraffic {
  readonly recent = new RecentRequests();
  readonly unreported = new Unreported();
  requests = 0;
  errors = 0;
  /** By the first digit of the status; 0: none was sent. */
  readonly #classes: (ClassDurations | undefined)[] = [];

  constructor(readonly version: string) {}

  /** `bucket` below 0: counted, but how long it took says nothing. */
  add(status: number, isError: boolean, ms: number, bucket: number, nowMs: number): void {
    this.requests += 1;
    if (isError) this.errors += 1;
    this.unreported.add(isError, bucket);
    this.recent.add(isError, bucket, nowMs);
    if (bucket < 0) return;
    const digit = (status / 100) | 0;
    let durations = this.#classes[digit];
    if (durations === undefined) {
      durations = new ClassDurations();
      this.#classes[digit] = durations;
    }
    durations.count += 1;
    durations.sumMs += ms;
    const octave = octaveOf(bucket);
    durations.octaves[octave] = (durations.octaves[octave] ?? 0) + 1;
  }

  /** Takes over the numbers of a version that is told apart no more. */
  absorb(other: VersionTraffic): void {
    this.requests += other.requests;
    this.errors += other.errors;
    this.unreported.absorb(other.unreported);
    other.#classes.forEach((theirs, digit) => {
      if (theirs === undefined) return;
      const ours = this.#classes[digit] ?? new ClassDurations();
      this.#classes[digit] = ours;
      ours.count += theirs.count;
      ours.sumMs += theirs.sumMs;
      theirs.octaves.forEach((count, i) => {
        ours.octaves[i] = (ours.octaves[i] ?? 0) + count;
      });
    });
  }

  stats(nowMs: number): VersionStats {
    return {
      version: this.version,
      requests: this.requests,
      errors: this.errors,
      recent: this.recent.stats(nowMs),
      classes: this.#classes.flatMap((durations, digit) =>
        durations === undefined
          ? []
          : [
              {
                code: codeOf(digit),
                count: durations.count,
                sumMs: durations.sumMs,
                octaves: [...durations.octaves],
              },
            ],
      ),
    };
  }
}

function codeOf(digit: number): string {
  return digit >= 1 && digit <= 5 ? `${digit}xx` : digit === 0 ? 'none' : 'other';
}
