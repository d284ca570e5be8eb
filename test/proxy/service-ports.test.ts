import type { AppId } from '../../src/apps/app.js';
import { silentLog } from '../../src/logging/log.js';
import type { Service } from '../../src/proxy/table.js';
import type { IngressPort } from '../../src/proxy/worker/ingress.js';
import { ServicePorts } from '../../src/proxy/worker/service-ports.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { service } from './rig.js';

/** The ports of a worker whose sockets only say what is done with them. */
function world() {
  const log: string[] = [];
  const ports = new ServicePorts(
    { listen: (port) => void log.push(`listen ${port}`), drop: (port) => void log.push(`drop ${port}`) },
    (name, port, key) => {
      const made = {
        name,
        port,
        key,
        open: async () => port,
        close: () => void log.push(`close ${port}`),
      };
      return made as Partial<IngressPort> as IngressPort;
    },
    new VirtualClock(),
    silentLog,
    () => undefined,
  );
  const changed = (appId: string, over?: Partial<Service>): void => {
    const servicePort = over?.servicePort ?? 10_000;
    const key = `${appId}:${servicePort}`;
    ports.serviceChanged(key, over && service([], { appId: appId as AppId, ...over, servicePort }));
  };
  return { log, ports, changed };
}
const bound = { host: '127.0.0.1', port: 0 };

describe('a service port that several services of a deployment group have', () => {
  it('is opened once, and serves on whichever of them goes', async () => {
    const { log, ports, changed } = world();
    changed('/blue', {});
    changed('/green', {});
    await ports.bound(10_000, bound);
    changed('/green', {});
    expect(ports.open.map(({ key, name }) => [key, name])).toEqual([['/green:10000', 'green_10000']]);
    changed('/green');
    expect(ports.open.map(({ key, name }) => [key, name])).toEqual([['/blue:10000', 'blue_10000']]);
    changed('/green', {});
    changed('/blue');
    expect(ports.open.map(({ key }) => key)).toEqual(['/green:10000']);
    expect(log).toEqual(['listen 10000']);
    changed('/green');
    expect(log).toEqual(['listen 10000', 'close 10000', 'drop 10000']);
    expect(ports.open).toEqual([]);
  });

  it('is given up by one that may not bind it, and by one that moves to another port', async () => {
    const { log, ports, changed } = world();
    changed('/blue', {});
    changed('/green', {});
    changed('/blue', { bindPort: false });
    await ports.bound(10_000, bound);
    expect(ports.open.map(({ key }) => key)).toEqual(['/green:10000']);
    changed('/green', { bindPort: false });
    expect(log).toEqual(['listen 10000', 'close 10000', 'drop 10000']);
  });
});
