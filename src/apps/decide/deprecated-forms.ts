import type { ErrorDetail } from '../../errors/registry.js';
import type { AppInput } from '../app-input.js';

/** Contradictions between a deprecated form and its successor, before anything is translated. */
export function deprecatedFormProblems(input: AppInput): readonly ErrorDetail[] {
  const problems: ErrorDetail[] = [];
  const { ports, portDefinitions, uris, fetch } = input;
  if (ports && portDefinitions) {
    const defined = portDefinitions.map((definition) => definition.port ?? 0);
    if (ports.length !== defined.length || ports.some((port, index) => port !== defined[index])) {
      problems.push({
        path: '/portDefinitions',
        errors: ['cannot specify both ports and port definitions'],
        code: 'contradiction',
        hint: 'Leave the deprecated `ports` out.',
      });
    }
  }
  if (ports) {
    const fixed = ports.filter((port) => port !== 0);
    if (new Set(fixed).size !== fixed.length) {
      problems.push({
        path: '/ports',
        errors: ['ports must be unique'],
        code: 'duplicate',
        hint: 'Name each port once; 0 means any.',
      });
    }
  }
  if (uris?.length && fetch?.length) {
    problems.push({
      path: '/uris',
      errors: ['may not be set in conjunction with fetch'],
      code: 'contradiction',
      hint: 'Move the `uris` into `fetch`.',
    });
  }
  return problems;
}

/** `ports` as the port definitions they stand for. Everything else stays as it is. */
export function translateDeprecated(input: AppInput): AppInput {
  if (!input.ports) return input;
  const { ports, ...rest } = input;
  if (rest.portDefinitions) return rest;
  return { ...rest, portDefinitions: ports.map((port) => ({ port, protocol: 'tcp' })) };
}
