import type { Log } from '../../logging/log.js';
import type { FixedRole } from '../listeners/worker-messages.js';
import { APP_ID_FRONTEND, AppIdPort } from './app-id-port.js';
import type { DataPlane } from './data-plane.js';
import { type Bound, IngressPort, type Sessions, VHOST_FRONTEND } from './ingress.js';
import type { Routes } from './routes.js';
import { HTTPS_FRONTEND, HttpsPort } from './tls/https-port.js';

/** What a port is for that belongs to no service. */
export type FrontRole = Exclude<FixedRole, 'stats'>;

const kinds = {
  lb: [VHOST_FRONTEND, IngressPort],
  https: [HTTPS_FRONTEND, HttpsPort],
  'app-id': [APP_ID_FRONTEND, AppIdPort],
} as const;

/** The ports of a worker that belong to no service: virtual hosts, the same over TLS, and apps named in a header. */
export class FrontPorts {
  readonly #open = new Map<FrontRole, IngressPort>();

  constructor(
    private readonly routes: Routes,
    private readonly sessions: Sessions,
    private readonly plane: DataPlane,
    private readonly log: Log,
  ) {}

  get all(): readonly IngressPort[] {
    return [...this.#open.values()];
  }

  /** Undefined: it is not open. */
  port(role: FrontRole): number | undefined {
    return this.#open.get(role)?.port;
  }

  /** Accepts connections from now on. Rejects when the socket cannot listen. */
  async open(role: FrontRole, port: number, bound: Bound): Promise<void> {
    const [name, Kind] = kinds[role];
    const made = new Kind(name, port, undefined, this.routes, this.sessions, this.plane, this.log);
    this.#open.set(role, made);
    await made.open(bound);
  }

  /** Accepts no more; connections that are there go on. */
  close(): void {
    for (const port of this.#open.values()) port.close();
  }
}
