import type { App } from '../../src/apps/app.js';
import { taskContext } from '../../src/server/task-context.js';
import { appRecord } from '../scheduler/support/world.js';

const place = {
  hostname: 'h1',
  lbAddress: '127.0.0.1',
  lbHttpPort: 9080,
  disableDns: false,
  dnsPort: 8053,
  dnsDomain: 'mesos',
};
const groups = {
  get: (id: string) => ({ id, dependencies: [], version: '' as never, enforceRole: id === '/shop' }),
};
const told = (changes: Partial<typeof place>, app: Partial<App> = {}, hostname = 'h1', id = '/web') =>
  taskContext({ ...place, ...changes }, groups)(appRecord(id, app).app, hostname);
const bridge: Partial<App> = { networks: [{ mode: 'container/bridge' }] as App['networks'] };

describe('a task is told', () => {
  it('where the load balancer and the names are', () => {
    expect(told({ lbAddress: '10.0.0.7' }, bridge, 'h2')).toEqual({
      MARATHON_APP_ENFORCE_GROUP_ROLE: 'FALSE',
      LONGRUN_TASK_LB_HOST: '10.0.0.7',
      LONGRUN_TASK_LB: '10.0.0.7:9080',
      LONGRUN_TASK_DNS: '10.0.0.7:8053',
      LONGRUN_TASK_DNS_DOMAIN: 'mesos',
    });
    expect(told({ lbAddress: '0.0.0.0' }, {}, 'h2')).toMatchObject({ LONGRUN_TASK_LB: 'h1:9080' });
    expect(told({ lbAddress: 'fd00::1' })).toMatchObject({ LONGRUN_TASK_LB: '[fd00::1]:9080' });
  });

  it('of a loopback address only where it means this machine', () => {
    expect(told({})).toMatchObject({ LONGRUN_TASK_LB: '127.0.0.1:9080' });
    expect(told({}, {}, 'h2')).not.toHaveProperty('LONGRUN_TASK_LB');
    expect(told({}, bridge)).not.toHaveProperty('LONGRUN_TASK_LB_HOST');
  });

  it('of no port that nobody knows yet, and of no names where there are none', () => {
    expect(told({ lbHttpPort: 0, disableDns: true })).toEqual({
      MARATHON_APP_ENFORCE_GROUP_ROLE: 'FALSE',
      LONGRUN_TASK_LB_HOST: '127.0.0.1',
    });
  });

  it('whether its top-level group enforces its role', () => {
    expect(told({}, {}, 'h1', '/shop/a/web')).toMatchObject({ MARATHON_APP_ENFORCE_GROUP_ROLE: 'TRUE' });
  });
});
