/** What was counted for one version or one instance since the last report. */
export interface TrafficSums {
  readonly requests: number;
  /** Answers 500 to 599, and those that never came for a reason that is not the client's. */
  readonly errors: number;
  /** Durations by latency bucket: `[index, count, ...]`. */
  readonly buckets: readonly number[];
}

/** What a worker tells the server about one service whose traffic moved. */
export interface ServiceTrafficReport {
  readonly appId: string;
  readonly versions: Readonly<Record<string, TrafficSums>>;
  /** By task id. */
  readonly instances: Readonly<Record<string, TrafficSums>>;
}

/** By service key; increments, so that messages stay small. */
export type TrafficReport = Readonly<Record<string, ServiceTrafficReport>>;
