import { parseTimestamp } from '../../../util/timestamp.js';
import type { LabelFinding } from './label-findings.js';
import { readWhole, shown } from './values.js';

/** What the labels of zdd.py say of an app that is one colour of a deployment group. */
export interface DeploymentLabels {
  readonly group: string;
  /** When the deployment of this colour began; the later one is the new one. Empty: before every other. */
  readonly startedAt: string;
  /** How many instances the new colour shall have in the end. */
  readonly targetInstances?: number;
}

const PREFIX = 'HAPROXY_DEPLOYMENT_';
const times = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

/** Names that zdd.py and marathon-lb read, without `HAPROXY_`. */
export const deploymentLabelNames: readonly string[] = [
  'DEPLOYMENT_GROUP',
  'DEPLOYMENT_ALT_PORT',
  'DEPLOYMENT_COLOUR',
  'DEPLOYMENT_STARTED_AT',
  'DEPLOYMENT_TARGET_INSTANCES',
  'DEPLOYMENT_NEW_INSTANCES',
  'APP_ID',
];

const whole: Readonly<Record<string, readonly [number, number]>> = {
  ALT_PORT: [1, 65_535],
  TARGET_INSTANCES: [0, 2_147_483_647],
  NEW_INSTANCES: [0, 2_147_483_647],
};

/** Whether there is any of them, but for the one that says nothing to a load balancer. */
export function hasDeploymentLabel(labels: Readonly<Record<string, string>>): boolean {
  for (const label in labels) if (label.startsWith(PREFIX)) return true;
  return false;
}

/** Reads them; without a group the others mean nothing. Malformed ones count as absent. */
export function readDeploymentLabels(labels: Readonly<Record<string, string>>): {
  readonly deployment?: DeploymentLabels;
  readonly findings: readonly LabelFinding[];
} {
  const textOf = (name: string): string => (labels[PREFIX + name] ?? '').trim();
  const findings: LabelFinding[] = [];
  const numbers = new Map<string, number>();
  for (const [name, [least, most]] of Object.entries(whole)) {
    if (textOf(name) === '') continue;
    const read = readWhole(textOf(name), least, most);
    if ('value' in read) numbers.set(name, read.value);
    else findings.push({ label: PREFIX + name, kind: 'malformed', text: read.problem, hint: read.hint });
  }
  const started = textOf('STARTED_AT');
  const startedAt = started === '' ? '' : inOneZone(started);
  if (startedAt === undefined)
    findings.push({
      label: `${PREFIX}STARTED_AT`,
      kind: 'malformed',
      text: `${shown(started)} is no moment`,
      hint: 'In ISO 8601, for example 2026-01-31T12:00:00Z.',
    });
  const group = textOf('GROUP');
  if (group === '') return { findings };
  const target = numbers.get('TARGET_INSTANCES');
  return {
    deployment: {
      group,
      startedAt: startedAt ?? '',
      ...(target === undefined ? {} : { targetInstances: target }),
    },
    findings,
  };
}

/** As UTC, so that moments can be compared as texts; zdd.py writes them without a zone. */
function inOneZone(text: string): string | undefined {
  if (!times.test(text)) return undefined;
  const hasZone = /(Z|[+-]\d{2}:?\d{2})$/.test(text) && text.length > 10;
  const iso = text.replace(' ', 'T');
  const moment = Date.parse(hasZone || iso.length === 10 ? iso : `${iso}Z`);
  return Number.isNaN(moment) ? parseTimestamp(text) : new Date(moment).toISOString();
}
