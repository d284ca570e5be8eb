import { Command } from 'commander';
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
});
