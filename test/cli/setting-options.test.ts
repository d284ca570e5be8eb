import { Command } from 'commander';
import { main } from '../../src/cli/main.js';
import { addSettings, serverFlags, settingsOf, upFlags } from '../../src/cli/setting-options.js';
import { SettingsError } from '../../src/config/load-settings.js';
import { settingTable } from '../../src/config/setting-table.js';

describe('the flags of a command', () => {
  it('are settings, each once, with help and default', () => {
    const known = settingTable.map(({ flag }) => flag);
    for (const flags of [upFlags, serverFlags]) {
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
});
