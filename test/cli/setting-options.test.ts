import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { main } from '../../src/cli/main.js';
import {
  addSettings,
  agentFlags,
  proxyFlags,
  serverFlags,
  settingsOf,
  upFlags,
} from '../../src/cli/setting-options.js';
import { SettingsError } from '../../src/config/load-settings.js';
import { settingTable } from '../../src/config/setting-table.js';

describe('the flags of a command', () => {
  it('are settings, each once, with help and default', () => {
    const known = settingTable.map(({ flag }) => flag);
    for (const flags of [upFlags, serverFlags, agentFlags, proxyFlags]) {
      expect(flags.filter((flag) => !known.includes(flag))).toEqual([]);
      expect(new Set(flags).size).toBe(flags.length);
    }
    const help = addSettings(new Command('up').configureHelp({ helpWidth: 300 }), upFlags).helpInformation();
    expect(help).toContain('--http-port <port>');
    expect(help).toContain('port of the REST API (0 = any free one) (default: 8080) [LONGRUN_HTTP_PORT]');
  });

  it('of a server are none that only an agent or a load balancer uses', () => {
    for (const flag of ['lb-http-port', 'lb-address', 'output-files', 'resources', 'agent-port'])
      expect(serverFlags).not.toContain(flag);
  });

  it('have each setting where it is read: on the server, an agent or a load balancer', () => {
    const somewhere = new Set([...serverFlags, ...agentFlags, ...proxyFlags]);
    expect(settingTable.map(({ flag }) => flag).filter((flag) => !somewhere.has(flag))).toEqual([]);
    expect(agentFlags).toEqual(
      expect.arrayContaining(['docker-socket', 'docker-config', 'docker-allow-privileged']),
    );
    expect(proxyFlags).toEqual(expect.arrayContaining(['lb', 'haproxy-path', 'lb-group', 'lb-access-log']));
    expect(
      serverFlags.filter((flag) => /^(docker-|lb-(group|access-log|timeouts)|haproxy)/.test(flag)),
    ).toEqual([]);
  });

  it('are those that the pages name with it', () => {
    const root = join(__dirname, '../..');
    const pages = [
      'README.md',
      ...readdirSync(join(root, 'docs')).flatMap((name) => (name.endsWith('.md') ? `docs/${name}` : [])),
    ];
    const commands: Readonly<Record<string, readonly string[]>> = {
      up: upFlags,
      server: serverFlags,
      agent: agentFlags,
      proxy: proxyFlags,
    };
    let read = 0;
    const unknown = pages.flatMap((page) => {
      const text = readFileSync(join(root, page), 'utf8').replaceAll(/\\\n\s*/g, ' ');
      return [
        ...text.matchAll(/longrun (up|server|agent|proxy)((?: +--[a-z-]+(?:[ =](?!--)[^\s`]+)?)+)/g),
      ].flatMap(([, command = '', rest = '']) =>
        [...rest.matchAll(/ --([a-z-]+)/g)].flatMap(([, flag = '']) => {
          read += 1;
          return flag === 'config' || commands[command]?.includes(flag)
            ? []
            : `${page}: longrun ${command} --${flag}`;
        }),
      );
    });
    expect(unknown).toEqual([]);
    expect(read).toBeGreaterThan(15);
  });
});

describe('help', () => {
  it('is wrapped beside the flags for a terminal of 80 columns', async () => {
    let text = '';
    const write = jest.spyOn(process.stdout, 'write').mockImplementation((part) => {
      text += String(part);
      return true;
    });
    try {
      await main(['node', 'longrun', 'server', '--help']);
    } finally {
      write.mockRestore();
      process.exitCode = 0;
    }
    const options = text.slice(text.indexOf('Options:'), text.indexOf('Example')).split('\n');
    expect(options.length).toBeGreaterThan(20);
    // One long word may stick out.
    expect(options.filter((line) => line.length > 80 && /\S \S/.test(line))).toEqual([]);
  });
});

describe('texts for the agent', () => {
  const sentence = (options: Record<string, string>): string => {
    try {
      settingsOf({ workDir: '/tmp/unused', ...options });
      return '';
    } catch (error) {
      expect(error).toBeInstanceOf(SettingsError);
      return (error as Error).message;
    }
  };

  it('are looked at before anything starts, and the flag is named', () => {
    expect(sentence({ resources: 'cpus=4' })).toMatch(/^--resources: 'cpus=4' is not a resource; write/);
    expect(sentence({ attributes: 'rack' })).toMatch(/^--attributes: 'rack' is not an attribute; write/);
    expect(sentence({ resources: 'cpus:4;ports:[31000-32000]', attributes: 'rack:r1' })).toBe('');
  });

  it('name a token file that is there', () => {
    expect(sentence({ tokenFile: '/nonexistent/token' })).toBe(
      '--token-file: /nonexistent/token does not exist',
    );
    expect(sentence({ tokenFile: __filename })).toBe('');
  });

  it('are named as they were given: by a variable, too', () => {
    process.env['LONGRUN_RESOURCES'] = 'cpus=4';
    try {
      expect(sentence({})).toMatch(/^LONGRUN_RESOURCES: 'cpus=4' is not a resource/);
    } finally {
      delete process.env['LONGRUN_RESOURCES'];
    }
  });
});

describe('what a command needs', () => {
  const refusal = (options: Record<string, string>, runsTasks = false): string => {
    try {
      settingsOf({ workDir: '/tmp/unused', ...options }, runsTasks);
      return '';
    } catch (error) {
      expect(error).toBeInstanceOf(SettingsError);
      return (error as Error).message;
    }
  };

  it('is a folder for its ready file, before anything starts', () => {
    expect(refusal({ readyFile: '/nonexistent/ready.json' })).toBe(
      '--ready-file: the folder /nonexistent does not exist',
    );
    expect(refusal({ readyFile: '/tmp/ready.json' })).toBe('');
  });

  it('is a user for tasks, where it runs any as root', () => {
    const uid = jest.spyOn(process as { getuid(): number }, 'getuid').mockReturnValue(0);
    try {
      expect(refusal({ defaultUser: 'no-such-user' }, true)).toBe(
        "--default-user 'no-such-user' is no user of this machine; name one that is, tasks run as it",
      );
      expect(refusal({ defaultUser: 'root' }, true)).toBe('');
      expect(refusal({ defaultUser: 'no-such-user' })).toBe('');
      uid.mockReturnValue(1000);
      expect(refusal({ defaultUser: 'no-such-user' }, true)).toBe('');
    } finally {
      uid.mockRestore();
    }
  });

  it('is its work dir, wherever its parts run', () => {
    expect(settingsOf({ workDir: 'some/where' }).workDir).toBe(resolve('some/where'));
  });
});
