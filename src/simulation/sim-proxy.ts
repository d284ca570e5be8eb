import type { AppId } from '../apps/app.js';
import type { FromProxy, RoutingTable, Service, TableDelta, ToProxy } from '../proxy/table.js';
import type { TaskId } from '../scheduler/instance.js';
import type { Clock, Timer } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import type { LineEnd, LineHandlers } from '../util/line/line.js';

export interface SimProxyOptions {
  readonly proxyId: string;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly dial: (handlers: LineHandlers<ToProxy>) => LineEnd<FromProxy>;
  /** Pause between two requests to each service; 0 = no traffic. */
  readonly requestPeriodMs: number;
  /** Longest answer; each takes a random part of it. */
  readonly longestAnswerMs: number;
  /** Whether the process behind a server takes a request now. */
  readonly answers: (taskId: TaskId) => boolean;
  readonly onTable: (epoch: number, from: number | undefined, to: number) => void;
  readonly onFailedRequest: (appId: AppId, taskId: TaskId, why: string) => void;
}

const LEASE_PERIOD_MS = 2_500;

/**
 * A load balancer without sockets: follows the routing table over its line, sends make-believe requests round robin by the
 * table it has, and reports what is in flight as the real one does. It serves on by its last table when the line is down.
 */
export class SimProxy {
  #line: LineEnd<FromProxy> | undefined;
  #services = new Map<string, Service>();
  #epoch = 0;
  #version: number | undefined;
  readonly #inFlight = new Map<TaskId, number>();
  readonly #routed = new Set<TaskId>();
  readonly #unroutedAtMs = new Map<TaskId, number>();
  readonly #turn = new Map<string, number>();
  readonly #timers: Timer[] = [];
  #requests = 0;
  #failed = 0;

  constructor(private readonly options: SimProxyOptions) {}

  get id(): string {
    return this.options.proxyId;
  }

  get requests(): number {
    return this.#requests;
  }

  get failedRequests(): number {
    return this.#failed;
  }

  routes(taskId: TaskId): boolean {
    return this.#routed.has(taskId);
  }

  routedTasks(): readonly TaskId[] {
    return [...this.#routed];
  }

  inFlight(taskId: TaskId): number {
    return this.#inFlight.get(taskId) ?? 0;
  }

  /** How long ago the task left the table; undefined when it is in it or never was. */
  unroutedForMs(taskId: TaskId): number | undefined {
    const atMs = this.#unroutedAtMs.get(taskId);
    return atMs === undefined ? undefined : this.options.clock.monotonicMs() - atMs;
  }

  start(): void {
    const { clock, dial, requestPeriodMs } = this.options;
    this.#line = dial({
      onReset: () => this.#hello(),
      onMessage: (message) => this.#receive(message),
    });
    this.#timers.push(
      clock.every(LEASE_PERIOD_MS, () => {
        if (this.#line?.connected) this.#line.send({ type: 'LEASE' });
      }),
    );
    if (requestPeriodMs > 0) this.#timers.push(clock.every(requestPeriodMs, () => this.#sendRequests()));
  }

  stop(): void {
    for (const timer of this.#timers.splice(0)) timer.cancel();
    this.#line?.close();
    this.#line = undefined;
  }

  #hello(): void {
    const { proxyId } = this.options;
    this.#send({ type: 'HELLO', proxyId, pid: 1, bootId: 'simulated', host: proxyId });
    for (const [taskId, count] of this.#inFlight) {
      if (!this.#routed.has(taskId)) this.#send({ type: 'IN_FLIGHT', taskId, count });
    }
  }

  #receive(message: ToProxy): void {
    switch (message.type) {
      case 'SNAPSHOT':
        this.#follow(message.table);
        return;
      case 'DELTA':
        this.#change(message.delta);
        return;
      case 'LEASE':
        return;
    }
  }

  #follow(table: RoutingTable): void {
    this.options.onTable(table.epoch, undefined, table.version);
    this.#services = new Map(Object.entries(table.services));
    this.#inForce(table.epoch, table.version);
  }

  #change({ epoch, from, to, services }: TableDelta): void {
    if (epoch !== this.#epoch || from !== this.#version) {
      this.#hello();
      return;
    }
    this.options.onTable(epoch, from, to);
    for (const [key, service] of Object.entries(services)) {
      if (service) this.#services.set(key, service);
      else this.#services.delete(key);
    }
    this.#inForce(epoch, to);
  }

  /** What left is told with its requests in flight before the table is confirmed. */
  #inForce(epoch: number, version: number): void {
    this.#epoch = epoch;
    this.#version = version;
    const nowMs = this.options.clock.monotonicMs();
    const before = [...this.#routed];
    this.#routed.clear();
    for (const service of this.#services.values())
      for (const { taskId } of service.servers) this.#routed.add(taskId);
    for (const taskId of before) {
      if (this.#routed.has(taskId)) continue;
      this.#unroutedAtMs.set(taskId, nowMs);
      const count = this.inFlight(taskId);
      if (count > 0) this.#send({ type: 'IN_FLIGHT', taskId, count });
    }
    for (const taskId of this.#routed) this.#unroutedAtMs.delete(taskId);
    this.#send({ type: 'ACK', epoch, version });
  }

  #sendRequests(): void {
    for (const [key, service] of this.#services) {
      const turn = this.#turn.get(key) ?? 0;
      this.#turn.set(key, turn + 1);
      const server = service.servers[turn % service.servers.length];
      if (server) this.#request(service.appId, server.taskId);
    }
  }

  #request(appId: AppId, taskId: TaskId): void {
    const { clock, dice, answers, longestAnswerMs } = this.options;
    this.#requests += 1;
    if (!answers(taskId)) {
      this.#fail(appId, taskId, 'refused');
      return;
    }
    this.#inFlight.set(taskId, this.inFlight(taskId) + 1);
    clock.after(dice.random() * longestAnswerMs, () => {
      const count = this.inFlight(taskId) - 1;
      if (count > 0) this.#inFlight.set(taskId, count);
      else this.#inFlight.delete(taskId);
      if (!answers(taskId)) this.#fail(appId, taskId, 'died while it answered');
      if (!this.#routed.has(taskId)) this.#send({ type: 'IN_FLIGHT', taskId, count });
    });
  }

  #fail(appId: AppId, taskId: TaskId, why: string): void {
    this.#failed += 1;
    this.options.onFailedRequest(appId, taskId, why);
  }

  #send(message: FromProxy): void {
    this.#line?.send(message);
  }
}
