import { type ChildService, runAsChild } from '../cli/child-entry.js';
import { entries, packageVersion } from '../cli/entries.js';
import type { FromChild } from '../cli/process-messages.js';
import type { Settings } from '../config/settings.js';
import { openWorkDir } from '../config/work-dir.js';
import type { Log } from '../logging/log.js';
import { LogLevels } from '../logging/log-levels.js';
import { makeLog } from '../logging/pino-log.js';
import { SystemClock } from '../util/clock.js';
import { SystemDice } from '../util/ids.js';
import { Server } from './server.js';

/** The server as a service: a child of `up`, or what `longrun server` runs in its own process. */
export function makeServerService(
  settings: Settings,
  tell: (message: FromChild) => void,
): { service: ChildService; log: Log } {
  const logLevels = new LogLevels(settings.logLevel);
  const log = makeLog({ level: settings.logLevel, format: settings.logFormat, levels: logLevels });
  const server = new Server({
    settings,
    workDir: openWorkDir(settings.workDir),
    files: {
      contract: entries.contract,
      compiledContract: entries.compiledContract,
      contractJson: entries.contractJson,
      docsPage: entries.docsPage,
      prober: entries.prober,
      version: packageVersion(),
    },
    clock: new SystemClock(),
    dice: new SystemDice(),
    log,
    logLevels,
    onAbdicate: () => process.kill(process.pid, 'SIGTERM'),
    onDown: (mode) => tell({ type: 'down', mode }),
  });
  return {
    log,
    service: { start: () => server.start(), quiesce: () => server.quiesce(), stop: () => server.stop() },
  };
}

if (process.send) runAsChild((message, tell) => makeServerService(message.settings, tell));
