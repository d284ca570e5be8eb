import type { AgentInfo } from '../protocol/v1.js';
import { REGISTRY_FORMAT, type RegistryRecord } from './registrar.js';

export interface RegistryFacts {
  readonly info: AgentInfo;
  readonly bootId: string;
  readonly version: string;
  readonly registeredAtMs: number;
}

/** What the registry shall say of an agent from now on. */
export function registryRecord(
  facts: RegistryFacts,
  standing: RegistryRecord['standing'],
  nowMs: number,
): RegistryRecord {
  const { info, bootId, version, registeredAtMs } = facts;
  return { format: REGISTRY_FORMAT, standing, info, bootId, version, registeredAtMs, sinceMs: nowMs };
}
