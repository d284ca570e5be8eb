import { deploymentLabelNames } from './routing/deployment-labels.js';
import { templateNames } from './routing/label-findings.js';
import { portLabelNames } from './routing/port-labels.js';

/** A label that something of Marathon's world reads, and nothing here does. */
export interface UnheededLabel {
  /** `{n}` stands for the index of a port, `*` for anything. */
  readonly name: string;
  /** What happens instead. */
  readonly why: string;
  /** What the owner of the app does about it; empty: nothing. */
  readonly todo: string;
}

const unheeded = (name: string, why: string, todo: string): UnheededLabel => ({ name, why, todo });

/** Labels about load balancing that are kept and have no effect; the first that matches counts. */
export const unheededLabels: readonly UnheededLabel[] = [
  unheeded(
    'HAPROXY_*',
    'templates in HAProxy’s language are not taken from labels',
    'See which setting it stood for.',
  ),
  unheeded('VIP_*', 'no virtual addresses', 'Use the service port, or a virtual host of the load balancer.'),
];

/** Those of the same kind that count, if perhaps not every value of them (docs/labels.md). */
const heededOfPort: ReadonlySet<string> = new Set([...portLabelNames, ...templateNames]);
const heededOfApp: ReadonlySet<string> = new Set(
  ['GROUP', ...deploymentLabelNames].map((name) => `HAPROXY_${name}`),
);
const ofPort = /^HAPROXY_\d+_(.+)$/;
const patterns = unheededLabels.map((entry) => {
  const text = entry.name.replaceAll('{n}', '\\d+').replaceAll('*', '.*');
  return { entry, pattern: new RegExp(`^${text}$`) };
});

/** Why a label has no effect though its name says that it should have one; undefined for every other label. */
export function unheededLabel(name: string): UnheededLabel | undefined {
  if (!name.startsWith('HAPROXY_') && !name.startsWith('VIP_')) return undefined;
  if (heededOfApp.has(name) || heededOfPort.has(ofPort.exec(name)?.[1] ?? '')) return undefined;
  return patterns.find(({ pattern }) => pattern.test(name))?.entry;
}
