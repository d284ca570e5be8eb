import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import type {
  CounterValues,
  FrontendStats,
  ProxyStats,
  ServerStats,
  ServiceStats,
} from '../stats/proxy-stats.js';
import type { Service } from '../table.js';
import { APP_IDS, VHOSTS } from './decide/frame.js';
import { type Pool, poolsOf } from './decide/pools.js';
import { slotIndex } from './decide/slots.js';
import { numberIn, readStat, type StatRow } from './decide/stat-text.js';
import type { FollowedServices } from './followed-table.js';
import type { Generations } from './generations.js';
import type { KeptPorts } from './haproxy-process.js';
import type { RuntimeSocket } from './runtime-socket.js';

const PERIOD_MS = 1_000;
/** Of these the present worker's value counts; of `*_max` and averages, too. Everything else adds up over workers. */
const notAdded: ReadonlySet<string> = new Set([
  'rate',
  'req_rate',
  'lastsess',
  'qtime',
  'ctime',
  'rtime',
  'ttime',
  'smax',
]);

const columns = [
  'scur',
  'smax',
  'stot',
  'bin',
  'bout',
  'dreq',
  'dresp',
  'intercepted',
  'ereq',
  'econ',
  'eresp',
  'wretr',
  'wredis',
  'cli_abrt',
  'srv_abrt',
  'req_tot',
  'hrsp_1xx',
  'hrsp_2xx',
  'hrsp_3xx',
  'hrsp_4xx',
  'hrsp_5xx',
  'hrsp_other',
  'connect',
  'reuse',
  'dcon',
  'rate',
  'rate_max',
  'req_rate',
  'req_rate_max',
  'lastsess',
  'qtime',
  'ctime',
  'rtime',
  'ttime',
  'qtime_max',
  'ctime_max',
  'rtime_max',
  'ttime_max',
] as const satisfies readonly (keyof CounterValues)[];

type Row = Record<keyof CounterValues, number>;
type Reading = ReadonlyMap<string, Row>;

export interface HaproxyStatsOptions {
  readonly runtime: RuntimeSocket;
  readonly generations: Generations;
  readonly table: FollowedServices;
  readonly ports: KeptPorts;
  readonly connected: () => boolean;
  readonly notServed: () => Readonly<Record<number, string>>;
  readonly clock: Clock;
  readonly log: Log;
}

/** HAProxy's numbers as ours: all its workers together, those that ended included. */
export class HaproxyStats {
  /** By worker, then by `backend/server`. */
  readonly #readings = new Map<number, Reading>();
  /** Of workers that ended. */
  readonly #ended = new Map<string, Row>();
  readonly #sent = new Map<string, string>();
  readonly #startedMs: number;
  readonly #startedWallMs: number;
  #timer: Timer | undefined;
  #reading: Promise<void> | undefined;

  constructor(private readonly options: HaproxyStatsOptions) {
    this.#startedMs = options.clock.monotonicMs();
    this.#startedWallMs = options.clock.wallMs();
  }

  start(): void {
    this.#timer = this.options.clock.every(PERIOD_MS, () => void this.read());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Asks HAProxy anew. Never rejects: without an answer the last numbers stand. */
  read(): Promise<void> {
    this.#reading ??= this.#readAll()
      .catch((error: unknown) => this.options.log.debug('HAProxy tells no numbers', { error: String(error) }))
      .finally(() => {
        this.#reading = undefined;
      });
    return this.#reading;
  }

  async all(): Promise<ProxyStats> {
    await this.read();
    const { clock, table, ports, connected, notServed, generations } = this.options;
    const uptimeS = (clock.monotonicMs() - this.#startedMs) / 1_000;
    const worker = { uptimeS, startedMs: this.#startedWallMs, rssBytes: 0 };
    const rows = this.#sum();
    const frontends: FrontendStats[] = [
      { name: VHOSTS, port: ports.lbPort, mode: 'http', values: rows.get(`${VHOSTS}/FRONTEND`) ?? zero() },
    ];
    if (ports.appIdPort !== undefined)
      frontends.push({
        name: APP_IDS,
        port: ports.appIdPort,
        mode: 'http',
        values: rows.get(`${APP_IDS}/FRONTEND`) ?? zero(),
      });
    return {
      workers: generations.pids.map((pid) => ({ ...worker, pid, retiring: pid !== generations.presentPid })),
      table: { epoch: table.epoch, version: table.version },
      connected: connected(),
      frontends,
      services: this.#services(rows),
      notServed: notServed(),
    };
  }

  /** Services whose numbers moved since the last call, without their servers; null = gone. */
  changed(): Readonly<Record<string, ServiceStats | null>> | undefined {
    const changes: Record<string, ServiceStats | null> = {};
    const services = new Map(this.#services(this.#sum()).map((service) => [service.key, service]));
    for (const key of this.#sent.keys())
      if (!services.has(key)) {
        this.#sent.delete(key);
        changes[key] = null;
      }
    for (const [key, service] of services) {
      const { req_tot, stot, scur, bin, bout } = service.values;
      const mark = `${req_tot} ${stot} ${scur} ${bin} ${bout}`;
      if (this.#sent.get(key) === mark) continue;
      this.#sent.set(key, mark);
      changes[key] = { ...service, servers: [] };
    }
    return Object.keys(changes).length > 0 ? changes : undefined;
  }

  forget(): void {
    this.#sent.clear();
  }

  async #readAll(): Promise<void> {
    const { generations, runtime } = this.options;
    const living = new Set(generations.pids);
    for (const [pid, reading] of this.#readings)
      if (!living.has(pid)) {
        for (const [name, row] of reading)
          this.#ended.set(
            name,
            sumOf(this.#ended.get(name), { ...row, scur: 0, rate: 0, req_rate: 0 }, true),
          );
        this.#readings.delete(pid);
      }
    for (const pid of living) {
      const rows = readStat(await runtime.askWorker(pid, ['show stat']));
      if (rows.length > 0)
        this.#readings.set(pid, new Map(rows.map((row) => [this.#nameOf(pid, row), valuesOf(row)])));
    }
  }

  /** Servers go by who has their slot. */
  #nameOf(pid: number, row: StatRow): string {
    const backend = row['pxname'] ?? '';
    const index = slotIndex(row['svname'] ?? '');
    const slot = this.options.generations.plan(pid)?.backends.get(backend)?.slots[index];
    if (index < 0 || slot === undefined) return `${backend}/${row['svname'] ?? ''}`;
    return slot.state === 'free' ? `${backend}/free ${index}` : `${backend}/${slot.by.taskId}`;
  }

  #sum(): ReadonlyMap<string, Row> {
    const sum = new Map(this.#ended);
    for (const [pid, reading] of this.#readings)
      for (const [name, row] of reading)
        sum.set(name, sumOf(sum.get(name), row, pid === this.options.generations.presentPid));
    return sum;
  }

  #services(rows: ReadonlyMap<string, Row>): readonly ServiceStats[] {
    const { services } = this.options.table.table();
    const pools = poolsOf(services);
    return Object.entries(services).map(([key, service]) => {
      const pool = pools.get(key);
      const name = pool?.name ?? key;
      const of = (task: string): Row => rows.get(`${name}/${task}`) ?? zero();
      const whole = rows.get(`${name}/BACKEND`) ?? zero();
      return serviceStats(key, name, service, pool ? shareOf(whole, service, pool, of) : whole, of);
    });
  }
}

/**
 * Services of a deployment group share a backend: each has what its own servers had, the first also what no server had. Together they
 * are the backend.
 */
function shareOf(whole: Row, service: Service, { lead, members }: Pool, of: (taskId: string) => Row): Row {
  if (members.length === 1) return whole;
  const own = ({ servers }: Service): Row =>
    servers.reduce((sum, { taskId }) => sumOf(sum, of(taskId), true), zero());
  if (service !== lead) return own(service);
  const share = { ...whole };
  for (const member of members) {
    if (member === lead) continue;
    const theirs = own(member);
    for (const column of columns)
      if (isAdded(column)) share[column] = Math.max(0, share[column] - theirs[column]);
  }
  return share;
}

function serviceStats(
  key: string,
  name: string,
  service: Service,
  values: Row,
  of: (taskId: string) => Row,
): ServiceStats {
  const servers = service.servers.map((server): ServerStats => {
    const weight = server.weight ?? service.weight ?? 1;
    return {
      name: server.name,
      address: `${server.host}:${server.port}`,
      taskId: server.taskId,
      status: server.disabled ? 'MAINT' : weight === 0 ? 'DRAIN' : 'UP',
      version: server.version ?? '',
      weight,
      idle: 0,
      qcur: 0,
      ejections: 0,
      ejectedMs: 0,
      sticky: '',
      values: of(server.taskId),
    };
  });
  const letters = { UP: 'U', DOWN: 'D', DRAIN: 'W', MAINT: 'M' } as const;
  return {
    key,
    name,
    appId: service.appId,
    ...(service.deploymentGroup !== undefined && { deploymentGroup: service.deploymentGroup }),
    port: service.servicePort,
    mode: service.mode,
    vhosts: service.vhosts,
    algorithm: service.balance ?? 'roundrobin',
    isSticky: service.sticky === true,
    serverLimit: service.limits?.connectionsPerServer ?? 0,
    qcur: 0,
    qmax: 0,
    up: servers.filter(({ status }) => status === 'UP').length,
    known: servers.length,
    states: servers
      .slice(0, 64)
      .map(({ status }) => letters[status])
      .join(''),
    values,
    servers,
  };
}

function valuesOf(row: StatRow): Row {
  const values = Object.fromEntries(columns.map((column) => [column, numberIn(row, column)])) as Row;
  // HAProxy does not count requests of single servers apart from their sessions.
  if (values.req_tot === 0 && row['type'] !== '0') values.req_tot = values.stot;
  return values;
}

/** Of several together it is the sum of theirs. */
function isAdded(column: keyof CounterValues): boolean {
  return !notAdded.has(column) && !column.endsWith('_max');
}

function sumOf(known: Row | undefined, more: Row, isPresent: boolean): Row {
  if (!known) return { ...more };
  const sum = { ...known };
  for (const column of columns) {
    if (isAdded(column)) sum[column] = known[column] + more[column];
    else if (column.endsWith('_max') || column === 'smax')
      sum[column] = Math.max(known[column], more[column]);
    else sum[column] = isPresent ? more[column] : known[column];
  }
  return sum;
}

function zero(): Row {
  return Object.fromEntries(columns.map((column) => [column, column === 'lastsess' ? -1 : 0])) as Row;
}
