import type { PortRouting } from '../../port-routing.js';
import { sameJson } from '../canonical-json.js';

/** What one source (a label, a line of a template, the typed object) says about a port. */
export type RoutingPart = Partial<PortRouting>;

type Members = Readonly<Record<string, unknown>>;

/** Objects that mean something only as a whole: whoever says one says all of it. */
const wholes: ReadonlySet<string> = new Set(['match', 'basicAuth', 'rewrite']);

/** Both together; where both say something about the same member, `over` counts. */
export function mergeParts(under: RoutingPart, over: RoutingPart): RoutingPart {
  return merged(under, over);
}

function merged(under: Members, over: Members): Members {
  const result: Record<string, unknown> = { ...under };
  for (const [name, value] of Object.entries(over)) {
    const known = result[name];
    result[name] = isMembers(known) && isMembers(value) && !wholes.has(name) ? merged(known, value) : value;
  }
  return result;
}

/** All parts together, the later ones over the earlier; their lists are appended to each other. */
export function foldParts(parts: readonly RoutingPart[]): RoutingPart {
  return parts.reduce<Members>((sum, part) => appended(sum, part), {});
}

function appended(under: Members, over: Members): Members {
  const result: Record<string, unknown> = { ...under };
  for (const [name, value] of Object.entries(over)) {
    const known = result[name];
    if (Array.isArray(known) && Array.isArray(value))
      result[name] = [...(known as unknown[]), ...(value as unknown[])];
    else
      result[name] =
        isMembers(known) && isMembers(value) && !wholes.has(name) ? appended(known, value) : value;
  }
  return result;
}

/** Whether `over` says another thing than `under` about any member that both name. */
export function contradicts(under: RoutingPart, over: RoutingPart): boolean {
  return differs(under, over);
}

function differs(under: Members, over: Members): boolean {
  return Object.entries(under).some(([name, value]) => {
    const other = over[name];
    if (other === undefined) return false;
    return isMembers(value) && isMembers(other) && !wholes.has(name)
      ? differs(value, other)
      : !sameJson(value, other);
  });
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
