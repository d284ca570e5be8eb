import { existsSync, readFileSync, realpathSync } from 'node:fs';
import type { MountSpec } from '../containerizer.js';
import { hasLoopbackResolversOnly } from '../decide/bridge-network.js';

const ASKED = '/etc/resolv.conf';
/** Where systemd-resolved says whom it asks itself. */
const BEHIND_STUB = '/run/systemd/resolve/resolv.conf';

/**
 * A resolver on loopback is not reached from a network of its own: where the host names no other, the container is shown those that
 * stand behind it. Undefined when that is not needed, or not known.
 */
export function resolverMount(): MountSpec | undefined {
  if (!existsSync(ASKED) || !existsSync(BEHIND_STUB)) return undefined;
  if (!hasLoopbackResolversOnly(readFileSync(ASKED, 'latin1'))) return undefined;
  return { source: BEHIND_STUB, target: realpathSync(ASKED), readOnly: true };
}
