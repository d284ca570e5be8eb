import type { ErrorDetail } from '../../errors/registry.js';
import { appRouting, type RoutedApp } from './port-routing.js';

/**
 * Labels of the load balancer whose values cannot be read (`HAPROXY_0_MODE: smtp`). Those that `known` definitions have in the
 * same way are let be: what is stored already can be changed in every other respect, and put back.
 */
export function labelProblems(
  draft: RoutedApp,
  known: readonly (RoutedApp | undefined)[],
): readonly ErrorDetail[] {
  return appRouting(draft).findings.flatMap(({ label, kind, text, hint }): ErrorDetail[] => {
    if (kind !== 'malformed') return [];
    if (known.some((each) => each?.labels[label] === draft.labels[label])) return [];
    return [{ path: `/labels/${label}`, errors: [text], code: 'label', hint }];
  });
}
