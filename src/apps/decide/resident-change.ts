import type { ErrorDetail } from '../../errors/registry.js';
import type { App } from '../app.js';
import type { AppDraft } from '../app-input.js';
import { isPersistent, isResident, type PersistentVolume } from '../container.js';
import { canonicalJson, sameJson } from './canonical-json.js';

const NEW_SERVICE = 'If you need to make this change, please create a new service.';

/**
 * What may not change in an app that keeps data on its agents: its volumes were made, and reserved with everything
 * beside them, when its instances started (Marathon reference 2.4).
 */
export function residentChangeProblems(before: App, draft: AppDraft): readonly ErrorDetail[] {
  if (!isResident(before)) return [];
  const errors: string[] = [];
  if (!sameJson(persistentVolumes(before), persistentVolumes(draft))) {
    errors.push('Persistent volumes can not be changed!');
  }
  const needs = ['cpus', 'mem', 'disk', 'gpus', 'requirePorts'] as const;
  if (needs.some((field) => before[field] !== draft[field])) {
    errors.push(
      `Services with persistent volumes configured may not change resource requirements. ${NEW_SERVICE}`,
    );
  }
  if (!sameJson(hostPorts(before), hostPorts(draft))) {
    errors.push(`Services with persistent volumes configured may not change host ports. ${NEW_SERVICE}`);
  }
  if (errors.length === 0) return [];
  return [{ path: '/app', errors, code: 'volume', hint: 'Its instances hold reservations made for it.' }];
}

function persistentVolumes({ container }: Pick<App, 'container'>): readonly PersistentVolume[] {
  const found = (container?.volumes ?? []).filter(isPersistent);
  return [...found].sort((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1));
}

/** Host ports that were named: definitions demand theirs with `requirePorts` only. */
function hostPorts({
  requirePorts,
  portDefinitions,
  container,
}: Pick<App, 'requirePorts' | 'portDefinitions' | 'container'>): readonly number[] {
  const mapped = (container?.portMappings ?? []).flatMap(({ hostPort }) => (hostPort ? [hostPort] : []));
  return [...mapped, ...(requirePorts ? portDefinitions.map(({ port }) => port) : [])].sort((a, b) => a - b);
}
