import type { ErrorDetail } from '../../errors/registry.js';
import type { AppDraft, AppInput, DefinitionSettings } from '../app-input.js';
import { check, healthChecks, readinessChecks } from './rules/checks.js';
import { command, dependencies, environment, identity, secrets } from './rules/command.js';
import { artifacts, container } from './rules/container.js';
import { loadBalancer } from './rules/load-balancer.js';
import { networks, portMappings, ports } from './rules/networks.js';
import { resources } from './rules/resources.js';
import { roles } from './rules/roles.js';
import { findingsByPath, type Rule } from './rules/rule.js';
import { constraints, migrationLabels, singleInstance, strategies } from './rules/strategies.js';
import { volumes, volumesOfApp } from './rules/volumes.js';

const rules: readonly Rule[] = [
  identity,
  command,
  environment,
  secrets,
  networks,
  ports,
  portMappings,
  container,
  volumes,
  artifacts,
  resources,
  roles,
  constraints,
  healthChecks,
  readinessChecks,
  check,
  dependencies,
  strategies,
  volumesOfApp,
  singleInstance,
  migrationLabels,
  loadBalancer,
];

/**
 * Every rule about one app by itself (Marathon reference 2.4): findings grouped by path, empty when all is well.
 * `draft` is the normalised definition, `input` what it was made from, deprecated forms translated.
 */
export function validateApp(
  draft: AppDraft,
  input: AppInput,
  settings: DefinitionSettings,
): readonly ErrorDetail[] {
  return findingsByPath(rules.flatMap((rule) => [...rule(draft, input, settings)]));
}
