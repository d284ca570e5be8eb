import type { App } from '../app.js';
import { type AppPort, type AppWithPorts, appPorts } from '../app-ports.js';
import type { LoadBalancerOptions, PortOptions } from '../load-balancer-options.js';
import type { PortRouting } from '../port-routing.js';
import {
  type DeploymentLabels,
  hasDeploymentLabel,
  readDeploymentLabels,
} from './routing/deployment-labels.js';
import { type LabelFinding, labelsByPort, NO_LABELS, readLabels } from './routing/label-findings.js';
import { contradicts, mergeParts } from './routing/routing-part.js';
import { typedPart } from './routing/typed-port.js';
import { unheededLabel } from './unheeded-labels.js';

/** What of an app says how it is routed. */
export type RoutedApp = AppWithPorts & Pick<App, 'labels'> & { readonly loadBalancer?: LoadBalancerOptions };

/** How the load balancer treats an app: each of its ports, and what of its labels has no effect or cannot be read. */
export interface AppRouting {
  readonly ports: readonly PortRouting[];
  /** The app is one colour of a deployment group. */
  readonly deployment?: DeploymentLabels;
  readonly findings: readonly LabelFinding[];
}

const DEFAULT_ROUTING: PortRouting = {
  enabled: true,
  vhosts: [],
  paths: [],
  ignorePathCase: false,
  groups: [],
  sticky: false,
};
const NO_FINDINGS: readonly LabelFinding[] = [];
const portOfLabel = /^HAPROXY_(\d+)_/;

const known = new WeakMap<RoutedApp, AppRouting>();

/** Reads the typed object and the labels of an app; the typed object counts where both say something. Read once per app. */
export function appRouting(app: RoutedApp): AppRouting {
  const found = known.get(app);
  if (found) return found;
  const routing = readRouting(app);
  known.set(app, routing);
  return routing;
}

/** How one port is routed; the default for a port that nothing is said about. */
export function portRouting(app: RoutedApp, index: number): PortRouting {
  return appRouting(app).ports[index] ?? DEFAULT_ROUTING;
}

/** True when any label addresses the load balancer. */
export function hasLoadBalancerLabel({ labels }: Pick<App, 'labels'>): boolean {
  for (const name in labels) if (name.startsWith('HAPROXY_')) return true;
  return false;
}

/** Whether the author shows by label or typed object that the app is meant to be reached. */
export function asksForLoadBalancer(app: Pick<App, 'labels' | 'loadBalancer'>): boolean {
  const { groups, ports, deploymentGroup } = app.loadBalancer ?? {};
  return (
    groups !== undefined || ports !== undefined || deploymentGroup !== undefined || hasLoadBalancerLabel(app)
  );
}

/** Whether a load balancer of `own` groups serves a port of `groups`: `*` takes all, as in marathon-lb. */
export function servesGroup(own: readonly string[], groups: readonly string[]): boolean {
  return own.includes('*') || groups.some((group) => own.includes(group));
}

/** The place of a port that the typed object names; undefined when the app has none such. */
export function placeOfPort(
  ports: readonly AppPort[],
  { portIndex, portName }: PortOptions,
): number | undefined {
  const place = portName === undefined ? portIndex : ports.findIndex(({ name }) => name === portName);
  return place !== undefined && place >= 0 && place < ports.length ? place : undefined;
}

function readRouting(app: RoutedApp): AppRouting {
  const ports = appPorts(app);
  const { loadBalancer } = app;
  const hasLabels = hasLoadBalancerLabel(app);
  const ofPorts = hasLabels ? labelsByPort(app.labels) : undefined;
  const appGroup = app.labels['HAPROXY_GROUP']?.trim() || undefined;
  const findings = [...strayLabels(app, ports.length)];
  const read = hasDeploymentLabel(app.labels) ? readDeploymentLabels(app.labels) : undefined;
  findings.push(...(read?.findings ?? NO_FINDINGS));
  const typed = new Map(
    loadBalancer?.ports?.map((options) => [placeOfPort(ports, options), options] as const),
  );
  const deploymentGroup = loadBalancer?.deploymentGroup ?? read?.deployment?.group;
  const routed = ports.map((_, index): PortRouting => {
    const labels = ofPorts && readLabels(index, ofPorts.get(index) ?? NO_LABELS, appGroup);
    const options = typed.get(index);
    findings.push(...(labels?.findings ?? NO_FINDINGS));
    if (!labels?.said.size && !options && !loadBalancer && deploymentGroup === undefined)
      return DEFAULT_ROUTING;
    const typedRouting = options ? typedPart(options) : {};
    const over = { ...(loadBalancer?.groups ? { groups: loadBalancer.groups } : {}), ...typedRouting };
    for (const [label, part] of labels?.said ?? [])
      if (contradicts(part, over)) findings.push(overruled(label));
    return {
      ...DEFAULT_ROUTING,
      ...mergeParts(labels?.part ?? {}, over),
      ...(deploymentGroup === undefined ? {} : { deploymentGroup }),
    };
  });
  const deployment = deploymentOf(read?.deployment, deploymentGroup);
  return { ports: routed, ...(deployment ? { deployment } : {}), findings };
}

function deploymentOf(
  labels: DeploymentLabels | undefined,
  group: string | undefined,
): DeploymentLabels | undefined {
  if (group === undefined) return undefined;
  return labels ? { ...labels, group } : { group, startedAt: '' };
}

const overruled = (label: string): LabelFinding => ({
  label,
  kind: 'unheeded',
  text: '`loadBalancer` says something else, which counts',
  hint: 'Remove the label.',
});

/** Labels that nobody reads though their names promise an effect, and those of ports that there are not. */
function* strayLabels({ labels }: RoutedApp, ports: number): Iterable<LabelFinding> {
  for (const label in labels) {
    if (!label.startsWith('HAPROXY_') && !label.startsWith('VIP_')) continue;
    const found = unheededLabel(label);
    if (found) yield { label, kind: 'unheeded', text: found.why, hint: found.todo };
    else if (Number(portOfLabel.exec(label)?.[1] ?? -1) >= ports)
      yield {
        label,
        kind: 'unheeded',
        text: `the app has ${ports === 0 ? 'no ports' : ports === 1 ? 'only port 0' : `only ports 0 to ${ports - 1}`}`,
        hint: 'Ports count from 0, in the order of the definition.',
      };
  }
}
