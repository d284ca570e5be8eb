import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  authenticationRequired,
  loadSettings,
  SettingsError,
  variableOf,
} from '../../src/config/load-settings.js';
import { settingTable } from '../../src/config/setting-table.js';
import type { Settings } from '../../src/config/settings.js';
import { passwordMatches } from '../../src/util/password-hash.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const defaults = { root: false, env: {}, home: '/home/ann' };
const load = (
  over: { flags?: Record<string, string | boolean>; env?: Record<string, string>; file?: string } = {},
): Settings =>
  loadSettings({
    flags: over.flags ?? {},
    env: over.env ?? {},
    ...(over.file === undefined ? {} : { file: { path: 'longrun.yaml', text: over.file } }),
    defaults,
  });

describe('settings', () => {
  it('have the documented defaults', () => {
    expect(load()).toMatchObject({
      workDir: '/home/ann/.local/state/longrun',
      address: '127.0.0.1',
      hostname: '127.0.0.1',
      httpPort: 8080,
      masterPort: 5050,
      agentPort: 5051,
      lbHttpPort: 9080,
      dnsPort: 8053,
      lbStatsPort: 9090,
      servicePorts: { min: 10000, max: 20000 },
      defaultUser: 'nobody',
      allowRootTasks: false,
      maxRunningDeployments: 10000,
    });
  });

  it('put the work dir under XDG_STATE_HOME, or in /var/lib as root', () => {
    expect(
      loadSettings({ flags: {}, env: {}, defaults: { ...defaults, env: { XDG_STATE_HOME: '/state' } } })
        .workDir,
    ).toBe('/state/longrun');
    expect(loadSettings({ flags: {}, env: {}, defaults: { ...defaults, root: true } }).workDir).toBe(
      '/var/lib/longrun',
    );
  });

  it('say in a refusal how they were given', () => {
    const refusal = (over: Parameters<typeof load>[0]): string => {
      try {
        load(over);
        return '';
      } catch (error) {
        expect(error).toBeInstanceOf(SettingsError);
        return (error as Error).message;
      }
    };
    expect(refusal({ flags: { address: 'here' } })).toMatch(/^--address 'here' is not an IP address; give/);
    expect(refusal({ env: { LONGRUN_ADDRESS: 'here' } })).toMatch(/^LONGRUN_ADDRESS 'here' is not an IP/);
    expect(refusal({ file: 'address: here' })).toMatch(/^longrun.yaml: address 'here' is not an IP/);
    expect(refusal({ file: 'service-ports: 20-10' })).toMatch(
      /^longrun.yaml: service-ports 20-10: the first/,
    );
  });

  it('have a host name that others can reach, or an address', () => {
    for (const hostname of ['worker-1.example', 'my_box', '10.0.0.2', 'fd00::1', 'a.'])
      expect(load({ flags: { hostname } }).hostname).toBe(hostname);
    for (const hostname of ['a b', 'a/b', 'http://a', '-a', 'a:5051', 'größe'])
      expect(() => load({ flags: { hostname } })).toThrow(/--hostname .* is neither a host name nor an IP/);
  });

  it('come from flags before variables before the file', () => {
    const file = 'http-port: 1\nmaster-port: 1\nagent-port: 1';
    const env = { LONGRUN_HTTP_PORT: '2', LONGRUN_MASTER_PORT: '2' };
    expect(load({ file, env, flags: { 'http-port': '3' } })).toMatchObject({
      httpPort: 3,
      masterPort: 2,
      agentPort: 1,
    });
  });

  it.each([
    [{ flags: { 'http-port': '70000' } }, "--http-port '70000' is not allowed: give a port from 1 to 65535"],
    [{ flags: { 'http-port': 'x' } }, '--http-port'],
    [
      { env: { LONGRUN_LOG_LEVEL: 'loud' } },
      "LONGRUN_LOG_LEVEL 'loud' is not allowed: give one of debug, info, warn, error",
    ],
    [
      { env: { LONGRUN_HTTP_PROT: '1' } },
      "unknown environment variable LONGRUN_HTTP_PROT; did you mean 'LONGRUN_HTTP_PORT'?",
    ],
    [{ file: 'htp-port: 1' }, "longrun.yaml: unknown setting 'htp-port'; did you mean 'http-port'?"],
    [{ file: '[1]' }, 'must hold a map'],
    [{ file: '{' }, 'neither YAML nor JSON'],
    [{ flags: { 'service-ports': '20000-10000' } }, 'must not be above'],
    [{ flags: { 'service-ports': '10' } }, 'FIRST-LAST'],
    [{ flags: { address: 'example' } }, 'not an IP address'],
    [{ flags: { address: '0.0.0.0', authentication: 'off' } }, '--insecure'],
    [{ flags: { 'http-credentials': 'ann' } }, '--http-credentials is not allowed: give user:password'],
    [{ flags: { 'http-credentials': '@/nonexistent' } }, '--http-credentials: the file cannot be read'],
    [{ flags: { server: '10.0.0.1:5050' } }, 'write it like http://10.0.0.1:5050'],
    [{ env: { LONGRUN_SERVER: 'ftp://a' } }, "'ftp://a' is not the address of a server's master port"],
    [{ flags: { 'tls-cert': 'a.pem' } }, '--tls-cert and --tls-key belong together'],
    [{ file: 'allow-root-tasks: maybe' }, 'true or false'],
    [{ flags: { 'lb-workers': '0' } }, 'from 1 to 64'],
    [
      { flags: { lb: 'haproxy', 'lb-access-log': 'json' } },
      '--lb-access-log json: HAProxy as the load balancer',
    ],
  ])('refuse %j with a sentence that says what is allowed', (sources, sentence) => {
    const attempt = (): Settings => load(sources as Parameters<typeof load>[0]);
    expect(attempt).toThrow(SettingsError);
    expect(attempt).toThrow(sentence as string);
  });

  it('can all be set as a variable', () => {
    for (const entry of settingTable) expect(variableOf(entry.flag)).toMatch(/^LONGRUN_[A-Z_]+$/);
  });
});

describe('authentication', () => {
  it.each([
    [{}, false],
    [{ address: '0.0.0.0' }, true],
    [{ address: '0.0.0.0', insecure: true }, false],
    [{ 'http-credentials': 'ann:pw' }, true],
    [{ 'http-credentials': 'ann:pw', address: '0.0.0.0', insecure: true }, true],
    [{ 'http-credentials': 'ann:pw', authentication: 'off' }, false],
    [{ authentication: 'required' }, true],
    [{ address: '0.0.0.0', authentication: 'off', insecure: true }, false],
  ])('with %j is required: %s', (flags, required) => {
    expect(authenticationRequired(load({ flags: flags as Record<string, string | boolean> }))).toBe(required);
  });

  it('keeps no password, neither from a flag nor from a file', async () => {
    const file = join(temporaryFolder('credentials'), 'credentials');
    writeFileSync(file, 'ann:a:secret\n');
    for (const given of ['ann:a:secret', `@${file}`]) {
      const settings = load({ env: { LONGRUN_HTTP_CREDENTIALS: given } });
      expect(JSON.stringify(settings)).not.toContain('secret');
      const { httpCredentials } = settings;
      if (httpCredentials === undefined) throw new Error('no credentials');
      expect(httpCredentials.user).toBe('ann');
      expect(await passwordMatches(httpCredentials, 'a:secret')).toBe(true);
      expect(await passwordMatches(httpCredentials, 'a:secret\n')).toBe(false);
    }
  });
});
