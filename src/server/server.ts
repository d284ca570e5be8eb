import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { loadContract } from '../api/contract/load-contract.js';
import { createApi, createApiServer } from '../api/create-api.js';
import { AppChanges } from '../apps/app-changes.js';
import { checkPutBack } from '../apps/decide/put-back.js';
import { GroupChanges } from '../apps/group-changes.js';
import { PodRequests } from '../apps/pod-requests.js';
import { AppRegistryImpl } from '../apps/registry.js';
import type { Settings } from '../config/settings.js';
import { noteApiUrl, type WorkDir } from '../config/work-dir.js';
import { DeploymentService } from '../deployments/deployment-service.js';
import { EndpointBook } from '../discovery/endpoint-book.js';
import { NamesFeed } from '../discovery/names-feed.js';
import { masterRequestListener } from '../embedded-mesos/master/http.js';
import { Master } from '../embedded-mesos/master/master.js';
import {
  AGENT_LINE_PATH,
  AGENT_PROTOCOL_VERSION,
  type FromAgent,
  type ToAgent,
} from '../embedded-mesos/protocol/agent-line.js';
import { EventBuffer } from '../events/event-buffer.js';
import { ChildProber } from '../health/child-prober.js';
import { HealthService } from '../health/health-service.js';
import type { Log } from '../logging/log.js';
import type { LogLevels } from '../logging/log-levels.js';
import { Metrics } from '../metrics/metrics.js';
import { ProxyControl } from '../proxy/control.js';
import { haproxyCannot } from '../proxy/haproxy/capabilities.js';
import { type FromProxy, PROXY_LINE_PATH, PROXY_PROTOCOL_VERSION, type ToProxy } from '../proxy/table.js';
import { selectVictims } from '../scheduler/decide/victims.js';
import type { AgentId } from '../scheduler/instance.js';
import type { Drainer } from '../scheduler/scheduler.js';
import { SchedulerService } from '../scheduler/scheduler-service.js';
import { LmdbStore } from '../store/lmdb-store.js';
import type { Clock } from '../util/clock.js';
import { hostAllowed } from '../util/host-allowed.js';
import type { Dice } from '../util/ids.js';
import { LineServer } from '../util/line/line-server.js';
import { listen, urlOf } from '../util/listen.js';
import { VersionSource } from '../util/timestamp.js';
import { startAccess, tlsFilesOf } from './access.js';
import { makeCertificates } from './certificates.js';
import { EventLoopLag } from './event-loop-lag.js';
import { guardedReads } from './guarded-reads.js';
import { startHistory } from './history.js';
import { leaderAddress } from './leader-address.js';
import { countStates } from './metric-gauges.js';
import { Narrator } from './narrator.js';
import { nextEpoch } from './next-epoch.js';
import { OperatorRoutes } from './operator-routes.js';
import { FileProxyMemory } from './proxy-memory.js';
import { openSecrets } from './secrets.js';
import { documentsOf, type ServerFiles } from './server-files.js';
import { takeServerLock } from './server-lock.js';
import { type ServerParts, stopParts } from './server-parts.js';
import { taskContext } from './task-context.js';
import { startUsage } from './usage.js';

export interface ServerOptions {
  readonly settings: Settings;
  readonly workDir: WorkDir;
  readonly files: ServerFiles;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
  /** Levels of `log`, so that the API can change them. */
  readonly logLevels?: LogLevels;
  /** Ends this process in good order; whoever keeps it alive starts it again. */
  readonly onAbdicate?: () => void;
  /** The operator asked for an end of everything. */
  readonly onDown: (mode: 'leave-tasks' | 'kill-tasks') => void;
}

/** Most changes of apps that may wait for their turn. */
const MAX_QUEUED_CHANGES = 5_000;

/**
 * The server process: builds every service, starts them from the store upwards, stops them from the API downwards.
 * Nothing else happens here.
 */
export class Server {
  #running: ServerParts | undefined;
  #ready = false;
  readonly #sockets = new Set<Socket>();

  constructor(private readonly options: ServerOptions) {}

  /** Resolves with the URLs when everything answers. Rejects with a sentence (busy port, store of a newer format). */
  async start(): Promise<{ api: string; master: string }> {
    const { settings, workDir, clock, dice, log, logLevels, onAbdicate } = this.options;
    const lock = await takeServerLock(workDir, clock);
    const store = new LmdbStore({ dir: workDir.store, log: log.child('store'), clock, guarded: true });
    await store.open();
    const epoch = await nextEpoch(store, clock, log);
    const events = new EventBuffer({ epoch, clock, log });
    const { tokens, trail, authenticator } = await startAccess(this.options, store, epoch);
    const tls = tlsFilesOf(this.options);
    const narrator = new Narrator(events, clock, log);
    narrator.start();
    const metrics = new Metrics(clock);
    const loopLag = new EventLoopLag(metrics, clock);
    loopLag.start();
    const newGroupsEnforceRole = settings.newGroupEnforceRole === 'top';
    const registry = new AppRegistryImpl({
      store,
      servicePorts: settings.servicePorts,
      log: log.child('apps'),
      newGroupsEnforceRole,
    });
    await registry.load();
    const masterServer = createServer();
    masterServer.on('connection', (socket) => this.#track(socket));
    // Who comes too early is sent away at once and comes again soon; without an answer it would wait for one.
    let proxyLines: LineServer<FromProxy, ToProxy> | undefined;
    let agentLines: LineServer<FromAgent, ToAgent> | undefined;
    masterServer.on('upgrade', (request, socket, head) => {
      if (!agentLines?.upgrade(request, socket, head) && !proxyLines?.upgrade(request, socket, head))
        socket.destroy();
    });
    const masterPort = await listen(masterServer, {
      address: settings.address,
      port: settings.masterPort,
      what: 'the master',
      flag: '--master-port',
    });
    const vault = await openSecrets(this.options, store, epoch, registry, (paths) =>
      master.secretsChanged(paths),
    );
    const master: Master = new Master({
      store,
      epoch,
      clock,
      dice,
      log,
      agentPingTimeoutMs: settings.agentPingTimeoutSeconds * 1_000,
      agentReregisterTimeoutMs: settings.agentReregisterTimeoutSeconds * 1_000,
      hostname: settings.hostname,
      port: masterPort,
      secrets: vault.open,
    });
    await master.start();
    const history = await startHistory(this.options, store, epoch, registry, master, (app) =>
      vault.secrets.textsOf(app),
    );
    const drainer: Drainer = {
      drain: (instance, aborted) => proxyControl.drain(instance, aborted),
      portResting: (agentId, port) => proxyControl.portResting(agentId, port),
    };
    const scheduler = new SchedulerService({
      store,
      epoch,
      apps: registry,
      driver: master.driver(),
      drainer,
      events,
      clock,
      dice,
      log,
      settings: {
        agentReregisterTimeoutSeconds: settings.agentReregisterTimeoutSeconds,
        frameworkName: 'longrun',
        roles: [settings.mesosRole],
        hostname: settings.hostname,
        taskContext: taskContext(settings, registry.groups),
        ...(settings.envVarsPrefix === undefined ? {} : { envVarsPrefix: settings.envVarsPrefix }),
      },
      metrics: { count: (name, by) => metrics.counter(name).inc(by) },
      memory: history.tasks,
    });
    const endpoints = new EndpointBook({ registry, instances: scheduler.instances, clock });
    const names = new NamesFeed({ book: endpoints, leader: await leaderAddress(settings, masterPort, log) });
    const certificates = makeCertificates(
      this.options,
      epoch,
      vault.certificates,
      () => proxyControl.table(),
      events,
    );
    const proxyControl: ProxyControl = new ProxyControl({
      registry,
      instances: scheduler.instances,
      bootId: (agentId) => master.bootId(agentId),
      epoch,
      clock,
      log: log.child('proxy'),
      memory: new FileProxyMemory(workDir.run, log),
      names,
      certificates: certificates.feed,
    });
    const health = new HealthService({
      apps: registry,
      scheduler,
      prober: new ChildProber({ entry: this.options.files.prober, clock, log: log.child('health') }),
      events,
      clock,
      log: log.child('health'),
    });
    const versions = new VersionSource(() => clock.wallMs());
    for (const { app } of registry.all()) versions.observe(app.version);
    const deployments = new DeploymentService({
      store,
      epoch,
      registry,
      scheduler,
      readiness: {
        readiness: (appId) => health.readiness(appId),
        setReadinessWanted: (appId, wanted) => health.setReadinessWanted(appId, wanted),
        onChange: (listener) => health.onReadinessChange(listener),
      },
      selectVictims: (app, instances, count) => selectVictims({ app, instances, count }),
      memory: history.deployments,
      checkPutBack: (apps, groups) => checkPutBack(apps, groups, registry.prospect),
      events,
      versions,
      clock,
      dice,
      log: log.child('deployments'),
      settings: {
        maxRunningDeployments: settings.maxRunningDeployments,
        maxQueuedChanges: MAX_QUEUED_CHANGES,
      },
    });
    countStates(metrics, { registry, scheduler, deployments, events, clock, traffic: proxyControl });
    registry.onChange((changes) => scheduler.appsChanged(changes));
    await scheduler.start();
    endpoints.start();
    names.start();
    proxyControl.start();
    certificates.start();
    // Before the agents, whose tasks are a lot of work: the load balancer is the first that must know where they are.
    proxyLines = new LineServer<FromProxy, ToProxy>({
      path: PROXY_LINE_PATH,
      token: workDir.token,
      protocolVersion: PROXY_PROTOCOL_VERSION,
      clock,
      log: log.child('lines'),
      onLine: (line) => proxyControl.acceptLine(line),
    });
    master.onAgentChange((agentId) => proxyControl.agentKnown(agentId as AgentId));
    await health.start();
    await deployments.start();
    await history.tasks.start();
    const { instances } = scheduler;
    const usage = await startUsage(this.options, { store, epoch, registry, instances, master, metrics });

    const { files } = this.options;
    const contract = await loadContract(files.contract, files.compiledContract);
    const wanted = {
      registry,
      contract,
      settings: {
        defaultRole: settings.mesosRole,
        newGroupsEnforceRole,
        hasSecret: vault.has,
        restartOnAnyChange: settings.restartOnAnyChange,
        routeConflicts: settings.lbConflicts,
        ...(settings.lb === 'haproxy' && { cannotRoute: haproxyCannot }),
        bridgeName: settings.mesosBridgeName,
        ...(settings.defaultNetworkName === undefined
          ? {}
          : { defaultNetworkName: settings.defaultNetworkName }),
      },
    };
    const changes = new AppChanges(wanted);
    await vault.start({ scheduler, deployments, changes });
    const api = createApi({
      settings: { ...settings, masterPort },
      registry,
      scheduler,
      deployments,
      events,
      metrics,
      changes,
      groupChanges: new GroupChanges(wanted),
      podRequests: new PodRequests(wanted),
      agents: { byId: (agentId) => master.agent(agentId) },
      freeOffers: (role) => master.freeOffers(role),
      silentAgents: () => master.silentAgents(),
      notServed: (appId) =>
        proxyControl.notServed(appId).map(({ port, reason }) => ({ servicePort: port, reason })),
      servedInPart: (appId) => proxyControl.servedInPart(appId),
      ready: () => this.#ready,
      version: this.options.files.version,
      auth: { authenticator, tokens, trail },
      agentToken: workDir.token,
      history,
      usage,
      traffic: (appId) => proxyControl.traffic(appId),
      secrets: vault.secrets,
      certificates: certificates.api,
      endpoints: { book: endpoints, epoch },
      clock,
      dice,
      log,
      ...(logLevels && { logLevels }),
      ...documentsOf(files),
      ...(onAbdicate && { abdicate: onAbdicate }),
    });
    const operator = new OperatorRoutes({
      administrator: (header) => authenticator.administratorByToken(header),
      trail,
      store,
      scratchDir: workDir.run,
      down: this.options.onDown,
      log,
    });
    const apiServer = createApiServer(
      (request, response) => {
        if (!operator.handle(request, response)) api.listener(request, response);
      },
      tls?.pair,
      api.upgrade,
    );
    agentLines = new LineServer<FromAgent, ToAgent>({
      path: AGENT_LINE_PATH,
      token: workDir.token,
      protocolVersion: AGENT_PROTOCOL_VERSION,
      clock,
      log: log.child('lines'),
      onLine: (line) => master.acceptLine(line),
    });
    const isOwnHost = (host: string): boolean =>
      hostAllowed({
        host,
        localAddress: settings.address,
        localPort: masterPort,
        names: [settings.address, settings.hostname],
      });
    const masterReads = masterRequestListener(master, { log: log.child('master'), isOwnHost });
    masterServer.on('request', guardedReads(authenticator, masterReads, log.child('master')));
    apiServer.on('connection', (socket) => this.#track(socket));
    const httpPort = await listen(apiServer, {
      address: settings.address,
      port: settings.httpPort,
      what: 'the API',
      flag: '--http-port',
    });
    this.#running = {
      lock,
      store,
      master,
      scheduler,
      proxyControl,
      endpoints,
      names,
      health,
      deployments,
      api,
      apiServer,
      masterServer,
      agentLines,
      proxyLines,
      loopLag,
      narrator,
      history,
      usage,
      vault,
      certificates,
      tokens,
      tls,
    };
    tls?.start(apiServer);
    const scheme = tls === undefined ? 'http' : 'https';
    this.#noteUrl(httpPort, scheme);
    this.#ready = true;
    return { api: urlOf(settings.address, httpPort, scheme), master: urlOf(settings.address, masterPort) };
  }

  /** The operator's commands find the API by this note; without it (disk full) they need `--url`. */
  #noteUrl(httpPort: number, scheme: 'http' | 'https'): void {
    const { settings, workDir, log } = this.options;
    try {
      noteApiUrl(workDir.path, settings.address, httpPort, scheme);
    } catch (error) {
      log.warn('the address of the API could not be noted in the work dir', { error: String(error) });
    }
  }

  /** Launches nothing any more: tasks are about to be killed on purpose and must not come back now. */
  async quiesce(): Promise<void> {
    this.#running?.scheduler.quiesce();
  }

  /** Stops everything of the server; tasks, agents and proxies go on. Idempotent. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    this.#ready = false;
    if (!running) return;
    await stopParts(running);
    for (const socket of this.#sockets) socket.destroy();
    await running.store.close();
    running.lock.release();
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
