import fc from 'fast-check';
import type { AppId } from '../../src/apps/app.js';
import { appNames, hostLabel, taskLabel } from '../../src/discovery/decide/app-names.js';
import { appRecords } from '../../src/discovery/decide/app-records.js';
import { taskDigest } from '../../src/discovery/name-server.js';

const settings = { domain: 'mesos', framework: 'marathon', digest: () => 'abcdefgh' };
const endpoint = {
  taskId: 't1',
  agentId: '6f2c-S4',
  ip: '172.17.0.2',
  agentIp: '10.0.0.1',
  ports: [{ number: 31000, protocol: 'tcp' as const, name: 'http' }],
};

describe('names of an app', () => {
  it('go from the last element of its id to the first, also in one label', () => {
    expect(appNames('/web' as AppId)).toEqual({ own: 'web', alias: 'web' });
    expect(appNames('/shop/v1.2/cart' as AppId)).toEqual({ own: 'cart.v1.2.shop', alias: 'cart-v1-2-shop' });
  });

  it('are legal host names, whatever is made of them', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ maxLength: 200 }), (text, agentId) => {
        for (const label of [hostLabel(text), taskLabel(hostLabel(text), taskDigest(text), agentId)]) {
          expect(label).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
        }
      }),
    );
  });

  it('tell tasks of one app on one agent apart', () => {
    const labels = ['t1', 't2', 't3'].map((id) => taskLabel('web', taskDigest(id), 'x-S0'));
    expect(new Set(labels).size).toBe(3);
    expect(labels[0]).toMatch(/^web-[a-z0-9]{5}-s0$/);
  });
});

describe('records of an app', () => {
  it('are those of Mesos-DNS: the tasks, their agents, and each port by protocol and by name', () => {
    const { own, alias } = appRecords({ appId: '/shop/cart' as AppId, endpoints: [endpoint] }, settings);
    const target = 'cart-shop-abcde-s4.marathon.mesos';
    expect(own).toEqual([
      { type: 'A', name: target, address: '172.17.0.2' },
      { type: 'A', name: 'cart-shop-abcde-s4.marathon.slave.mesos', address: '10.0.0.1' },
      { type: 'A', name: 'cart.shop.marathon.mesos', address: '172.17.0.2' },
      { type: 'A', name: 'cart.shop.marathon.slave.mesos', address: '10.0.0.1' },
      { type: 'SRV', name: '_cart.shop._tcp.marathon.mesos', target, port: 31000 },
      { type: 'SRV', name: '_http._cart.shop._tcp.marathon.mesos', target, port: 31000 },
    ]);
    expect(alias.map(({ name }) => name)).toEqual([
      'cart-shop.marathon.mesos',
      'cart-shop.marathon.slave.mesos',
      '_cart-shop._tcp.marathon.mesos',
      '_http._cart-shop._tcp.marathon.mesos',
    ]);
  });

  it('say an address once, however many tasks are there, and an IPv6 one as AAAA', () => {
    const two = { ...endpoint, taskId: 't2', ip: '10.0.0.1', ports: [] };
    const six = { ...two, ip: 'fd00::1' };
    const { own } = appRecords({ appId: '/web' as AppId, endpoints: [two, two, six] }, settings);
    expect(own.filter(({ name }) => name === 'web.marathon.mesos')).toEqual([
      { type: 'A', name: 'web.marathon.mesos', address: '10.0.0.1' },
      { type: 'AAAA', name: 'web.marathon.mesos', address: 'fd00::1' },
    ]);
  });
});
