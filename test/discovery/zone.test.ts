import fc from 'fast-check';
import type { AppId } from '../../src/apps/app.js';
import { Zone } from '../../src/discovery/zone.js';

const settings = { domain: 'mesos', framework: 'marathon', digest: (id: string) => `${id}xxxxx` };
const app = (id: string, ...ips: string[]) => ({
  appId: id as AppId,
  endpoints: ips.map((ip, index) => ({
    taskId: `t${index}`,
    agentId: 'a-S0',
    ip,
    agentIp: ip,
    ports: [{ number: 31000, protocol: 'tcp' as const }],
  })),
});
const addresses = (zone: Zone, name: string): unknown =>
  zone.lookup(name)?.map((record) => (record.type === 'SRV' ? record.port : record.address));

describe('the zone', () => {
  it('follows an app: new addresses, fewer, none', () => {
    const zone = new Zone(settings);
    zone.setApp(app('/web', '10.0.0.1', '10.0.0.2'));
    expect(addresses(zone, 'web.marathon.mesos')).toEqual(['10.0.0.1', '10.0.0.2']);
    zone.setApp(app('/web', '10.0.0.2'));
    expect(addresses(zone, 'web.marathon.mesos')).toEqual(['10.0.0.2']);
    zone.removeApp('/web' as AppId);
    expect(zone.lookup('web.marathon.mesos')).toBeUndefined();
    expect([...zone.records()]).toEqual([]);
  });

  it('gives a name to the app whose own it is, before one that has it as its second', () => {
    const zone = new Zone(settings);
    zone.setApp(app('/a/b', '10.0.0.1'));
    expect(addresses(zone, 'b-a.marathon.mesos')).toEqual(['10.0.0.1']);
    zone.setApp(app('/b-a', '10.0.0.9'));
    expect(addresses(zone, 'b-a.marathon.mesos')).toEqual(['10.0.0.9']);
    expect(addresses(zone, 'b.a.marathon.mesos')).toEqual(['10.0.0.1']);
    zone.removeApp('/b-a' as AppId);
    expect(addresses(zone, 'b-a.marathon.mesos')).toEqual(['10.0.0.1']);
  });

  it('knows a name with others below it as there, though it says nothing', () => {
    const zone = new Zone(settings);
    zone.setApp(app('/shop/cart', '10.0.0.1'));
    expect(zone.lookup('shop.marathon.mesos')).toEqual([]);
    expect(zone.lookup('other.marathon.mesos')).toBeUndefined();
    zone.removeApp('/shop/cart' as AppId);
    expect(zone.lookup('shop.marathon.mesos')).toBeUndefined();
  });

  it('has a new serial with each change, and none without', () => {
    const zone = new Zone(settings);
    const first = zone.serial;
    zone.setApp(app('/web', '10.0.0.1'));
    expect(zone.serial).toBe(first + 1);
    zone.setApp(app('/web', '10.0.0.1'));
    expect(zone.serial).toBe(first + 1);
  });

  it('is after any changes as if made anew from what is there (property)', () => {
    const step = fc.record({
      id: fc.constantFrom('/a', '/a/b', '/b-a', '/b/a', '/a.b', '/c/a/b'),
      ips: fc.uniqueArray(fc.constantFrom('10.0.0.1', '10.0.0.2', 'fd00::1'), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const zone = new Zone(settings);
        const last = new Map<string, readonly string[]>();
        for (const { id, ips } of steps) {
          zone.setApp(app(id, ...ips));
          last.set(id, ips);
        }
        const fresh = new Zone(settings);
        for (const [id, ips] of last) fresh.setApp(app(id, ...ips));
        const all = (of: Zone): string[] => [...of.records()].map((record) => JSON.stringify(record)).sort();
        expect(all(zone)).toEqual(all(fresh));
        for (const { name } of fresh.records()) expect(zone.lookup(name)).toBeDefined();
      }),
    );
  });
});
