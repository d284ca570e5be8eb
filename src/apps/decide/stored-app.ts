import { parseTimestamp, type Timestamp } from '../../util/timestamp.js';
import type { App, AppRecord } from '../app.js';
import { parseAppId } from '../path.js';
import type { AppHistory } from './app-history.js';

/** What lies under an app's key: its record, and what is kept of its past. */
export interface StoredApp extends AppHistory {
  readonly record: AppRecord;
}

type Check = (value: unknown) => boolean;

const isObject: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const isFlag: Check = (value) => typeof value === 'boolean';
const isTime: Check = (value) => typeof value === 'string' && parseTimestamp(value) === value;
const arrayOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const membersOf =
  (check: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value as object).every(check);
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const withMembers =
  (members: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) &&
    Object.entries(members).every(([name, check]) => check((value as Record<string, unknown>)[name]));

const isLimit: Check = (value) => isNumber(value) || value === 'unlimited';

/**
 * What a stored definition must look like for its readers not to stumble. Members that came with a later format are
 * optional and mean, when absent, what was so before them: records of every earlier version of longrun load as they are.
 */
const fieldChecks: { readonly [Field in keyof App]-?: Check } = {
  id: isText,
  cmd: maybe(isText),
  args: maybe(arrayOf(isText)),
  user: maybe(isText),
  env: membersOf((value) => isText(value) || withMembers({ secret: isText })(value)),
  instances: isNumber,
  cpus: isNumber,
  mem: isNumber,
  disk: isNumber,
  gpus: isNumber,
  executor: isText,
  executorResources: maybe(withMembers({ cpus: isNumber, mem: isNumber, disk: isNumber })),
  resourceLimits: maybe(withMembers({ cpus: maybe(isLimit), mem: maybe(isLimit) })),
  isolation: maybe(isText),
  constraints: arrayOf(arrayOf(isText)),
  acceptedResourceRoles: maybe(arrayOf(isText)),
  role: isText,
  networks: arrayOf(withMembers({ mode: isText, name: maybe(isText), labels: maybe(membersOf(isText)) })),
  container: maybe(
    withMembers({
      type: isText,
      docker: maybe(withMembers({ image: isText })),
      volumes: arrayOf(withMembers({ containerPath: isText })),
      portMappings: maybe(
        arrayOf(withMembers({ containerPort: isNumber, servicePort: isNumber, protocol: isText })),
      ),
    }),
  ),
  fetch: maybe(arrayOf(withMembers({ uri: isText, extract: isFlag, executable: isFlag, cache: isFlag }))),
  check: maybe(isObject),
  portDefinitions: arrayOf(
    withMembers({ port: isNumber, protocol: isText, name: maybe(isText), labels: maybe(membersOf(isText)) }),
  ),
  requirePorts: isFlag,
  healthChecks: arrayOf(
    withMembers({
      protocol: isText,
      gracePeriodSeconds: isNumber,
      intervalSeconds: isNumber,
      timeoutSeconds: isNumber,
      maxConsecutiveFailures: isNumber,
    }),
  ),
  readinessChecks: arrayOf(
    withMembers({
      name: isText,
      protocol: isText,
      path: isText,
      portName: isText,
      intervalSeconds: isNumber,
      timeoutSeconds: isNumber,
      httpStatusCodesForReady: arrayOf(isNumber),
    }),
  ),
  backoffSeconds: isNumber,
  backoffFactor: isNumber,
  maxLaunchDelaySeconds: isNumber,
  taskKillGracePeriodSeconds: maybe(isNumber),
  dependencies: arrayOf(isText),
  upgradeStrategy: withMembers({
    minimumHealthCapacity: isNumber,
    maximumOverCapacity: isNumber,
    deadlineSeconds: maybe(isNumber),
    onFailure: maybe(isText),
  }),
  unreachableStrategy: (value) =>
    value === 'disabled' ||
    withMembers({ inactiveAfterSeconds: isNumber, expungeAfterSeconds: isNumber })(value),
  killSelection: isText,
  labels: membersOf(isText),
  secrets: maybe(membersOf(withMembers({ source: isText }))),
  tty: maybe(isFlag),
  loadBalancer: maybe(
    withMembers({
      drainSeconds: maybe(isNumber),
      groups: maybe(arrayOf(isText)),
      deploymentGroup: maybe(isText),
      ports: maybe(arrayOf(withMembers({ vhosts: maybe(arrayOf(isText)), paths: maybe(arrayOf(isText)) }))),
    }),
  ),
  version: isTime,
  versionInfo: withMembers({ lastScalingAt: isTime, lastConfigChangeAt: isTime }),
};

/** A record read back from the store, or what is wrong with it. */
export function readStoredRecord(value: unknown, appId: string): AppRecord | { readonly problem: string } {
  if (!isObject(value)) return { problem: 'the record is no object' };
  const { app, launchHash, restartedAt, explicitPorts } = value as Readonly<Record<string, unknown>>;
  if (!isObject(app)) return { problem: 'there is no definition' };
  for (const [field, check] of Object.entries(fieldChecks)) {
    if (!check((app as Record<string, unknown>)[field]))
      return { problem: `\`${field}\` is missing or of a wrong kind` };
  }
  const { id } = app as App;
  if (id !== appId || parseAppId(id) !== id) return { problem: `it names ${JSON.stringify(id)} as its id` };
  if (!isText(launchHash) || launchHash === '') return { problem: 'there is no launch hash' };
  if (!maybe(isTime)(restartedAt) || !isFlag(explicitPorts))
    return { problem: '`restartedAt` or `explicitPorts` is of a wrong kind' };
  return value as unknown as AppRecord;
}

/** What lies under an app's key, or what is wrong with it. */
export function readStoredApp(value: unknown, appId: string): StoredApp | { readonly problem: string } {
  if (!isObject(value)) return { problem: 'the stored value is no object' };
  const { record: stored } = value as { readonly record?: unknown };
  const record = readStoredRecord(stored, appId);
  if ('problem' in record) return record;
  const history = readStoredHistory(value);
  return 'problem' in history ? history : { record, ...history };
}

/** What is kept of the past of an app, deleted ones included; stores of the first release have no turns. */
export function readStoredHistory(value: unknown): AppHistory | { readonly problem: string } {
  if (!isObject(value)) return { problem: 'the stored value is no object' };
  const { versions, turns = [] } = value as Readonly<Record<string, unknown>>;
  if (!arrayOf(isTime)(versions)) return { problem: '`versions` is no list of timestamps' };
  if (!arrayOf(withMembers({ at: isTime, version: maybe(isTime) }))(turns))
    return { problem: '`turns` is no list of moments' };
  return { versions: versions as AppHistory['versions'], turns: turns as AppHistory['turns'] };
}

/** What lies under one version's key; `value` undefined: it does not match its checksum. */
export interface VersionFound {
  readonly version: string;
  readonly value: unknown;
}

/**
 * The app as its versions tell it: the newest one is what was wanted last. Undefined when just that one cannot be read: an
 * older definition must not take its place unasked.
 */
export function newestVersion(found: readonly VersionFound[], appId: string): StoredApp | undefined {
  const newest = [...found].sort((a, b) => (a.version < b.version ? 1 : -1))[0];
  if (!newest) return undefined;
  const record = readStoredRecord(newest.value, appId);
  if ('problem' in record || record.app.version !== newest.version) return undefined;
  const versions = found.map(({ version }) => version).filter(isTime) as Timestamp[];
  return { record, versions: versions.sort().reverse(), turns: [] };
}
