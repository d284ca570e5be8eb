import { isResidentPod, type PodDraft } from '../../pod.js';
import { canonicalJson, sameJson } from '../canonical-json.js';
import type { Finding } from '../rules/rule.js';

/**
 * What may not change in a pod that keeps data on its agents: its volumes were made, and reserved with everything beside
 * them, when its instances started (Marathon reference 1.9).
 */
export function* podChangeFindings(before: PodDraft, draft: PodDraft): Iterable<Finding> {
  if (!isResidentPod(before)) return;
  const hint = 'Its instances hold reservations made for it; create a new pod instead.';
  if (!sameJson(persistentVolumes(before), persistentVolumes(draft))) {
    yield ['/volumes', 'persistent volumes cannot be updated', 'volume', hint];
  }
  for (const name of ['cpus', 'mem', 'disk', 'gpus'] as const) {
    if (needs(before, name) === needs(draft, name)) continue;
    yield ['/', `${name} cannot be updated if a pod has persistent volumes`, 'volume', hint];
  }
  if (!sameJson(hostPorts(before), hostPorts(draft))) {
    yield ['/', 'host ports cannot be updated if a pod has persistent volumes', 'volume', hint];
  }
}

function persistentVolumes({ volumes = [] }: PodDraft): readonly string[] {
  return volumes
    .filter(({ persistent }) => persistent !== undefined)
    .map(canonicalJson)
    .sort();
}

/** What all containers need together, with their executor. */
function needs({ containers, executorResources }: PodDraft, name: 'cpus' | 'mem' | 'disk' | 'gpus'): number {
  const own = name === 'gpus' ? 0 : executorResources[name];
  return containers.reduce((sum, { resources }) => sum + resources[name], own);
}

function hostPorts({ containers }: PodDraft): readonly number[] {
  return containers
    .flatMap(({ endpoints = [] }) => endpoints.flatMap(({ hostPort }) => hostPort || []))
    .sort((a, b) => a - b);
}
