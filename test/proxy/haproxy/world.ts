import type { AppId } from '../../../src/apps/app.js';
import { serviceKey } from '../../../src/proxy/decide/names.js';
import { type Layout, type LayoutSettings, makeLayout } from '../../../src/proxy/haproxy/decide/layout.js';
import type { Server, Service } from '../../../src/proxy/table.js';
import { defaultTimeouts } from '../../../src/proxy/worker/timeouts.js';
import type { TaskId } from '../../../src/scheduler/instance.js';

export const settings: LayoutSettings = {
  lbAddress: '127.0.0.1',
  lbPort: 9080,
  appIdPort: 9091,
  threads: 1,
  maxConnections: 1_000,
  timeouts: defaultTimeouts,
  acceptProxyFrom: [],
};

export function server(number: number, over: Partial<Server> = {}): Server {
  return {
    name: `host_10_0_0_1_${31_000 + number}`,
    taskId: `task-${number}` as TaskId,
    host: '10.0.0.1',
    port: 31_000 + number,
    bootId: 'boot',
    ...over,
  };
}

export function web(servers: readonly Server[], over: Partial<Service> = {}): Service {
  return {
    appId: '/web' as AppId,
    portIndex: 0,
    servicePort: 10_000,
    mode: 'http',
    vhosts: ['web.test'],
    bindPort: true,
    drainMs: 30_000,
    servers,
    ...over,
  };
}

export function tableOf(...services: readonly Service[]): Readonly<Record<string, Service>> {
  return Object.fromEntries(services.map((each) => [serviceKey(each.appId, each.servicePort), each]));
}

export function layoutOf(...services: readonly Service[]): Layout {
  return makeLayout(tableOf(...services), settings, {
    addressOf: (host) => host,
    portRefused: () => undefined,
    refused: new Set(),
  });
}
