import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../config/settings.js';
import { openWorkDir } from '../config/work-dir.js';
import { makeLog } from '../logging/pino-log.js';
import { SystemClock } from '../util/clock.js';
import { trafficSettings } from './balancer-options.js';
import type { ChildService } from './child-entry.js';
import { makeProxyParent } from './make-proxy-parent.js';
import { namesSettings, namesUrls } from './names-settings.js';
import { tellingSettings } from './telling-settings.js';

/** The load balancer as a service of its own: what `longrun proxy` runs. Workers outlive a SIGTERM, as under `up`. */
export function makeProxyService(
  settings: Settings,
  serverUrl: string,
  worker: { entry: string; execArgv: string[] },
): ChildService {
  const workDir = openWorkDir(settings.workDir);
  const names = namesSettings(settings);
  const parent = makeProxyParent(settings, {
    workDir: workDir.path,
    lbAddress: settings.lbAddress,
    lbHttpPort: settings.lbHttpPort,
    lbStatsPort: settings.lbStatsPort,
    lbAppIdPort: settings.lbAppIdPort,
    lbHttpsPort: settings.lbHttpsPort,
    ...(settings.lbCerts !== undefined && { lbCerts: settings.lbCerts }),
    workers: settings.lbWorkers,
    workerEntry: worker.entry,
    execArgv: worker.execArgv,
    serverUrl: () => serverUrl,
    token: readFileSync(settings.tokenFile ?? join(workDir.path, 'token'), 'utf8').trim(),
    hostname: settings.hostname,
    ...(names && { names }),
    traffic: trafficSettings(settings),
    telling: tellingSettings(settings),
    logLevel: settings.logLevel,
    logFormat: settings.logFormat,
    clock: new SystemClock(),
    log: makeLog({ level: settings.logLevel, format: settings.logFormat }).child('proxy'),
  });
  return {
    start: async () => {
      const { lbUrl, statsUrl, appIdUrl, httpsUrl, names: served } = await parent.start();
      return {
        lb: lbUrl,
        stats: statsUrl,
        ...(httpsUrl && { 'lb-https': httpsUrl }),
        ...(appIdUrl && { apps: appIdUrl }),
        ...namesUrls(served),
      };
    },
    stop: (mode) => parent.stop({ leaveWorkers: mode === 'leave-tasks' }),
  };
}
