import type { ToParent } from '../listeners/worker-messages.js';
import type { Binder } from './service-ports.js';

/** Has the parent bind service ports; `datagrams`: for UDP. What it answers comes as LISTENER or NOT_BOUND. */
export function parentBinder(tell: (message: ToParent) => void, datagrams?: true): Binder {
  const say =
    (type: 'LISTEN' | 'DROP') =>
    (port: number, address: string | undefined): void =>
      tell({ type, port, ...(address !== undefined && { address }), ...(datagrams && { datagrams }) });
  return { listen: say('LISTEN'), drop: say('DROP') };
}
