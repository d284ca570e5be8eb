import { isIPv6 } from '../../../util/ip-address.js';
import { argument } from './escape.js';
import { MAP_FILES } from './frame.js';
import type { Command, Plan, PlannedBackend } from './plan-change.js';
import { type Slot, slotName } from './slots.js';

export interface Rendered {
  readonly text: string;
  /** Contents by file name. */
  readonly maps: Readonly<Record<string, string>>;
  /** The service (by key) that the line with this number (from 1) belongs to. */
  ownerOf(line: number): string | undefined;
}

/** The configuration that HAProxy starts with to be as the plan says. */
export function render(plan: Plan): Rendered {
  const sections: { text: string; key?: string }[] = [
    { text: '# Made by longrun from its routing table; whatever is changed here is lost.' },
    { text: plan.head },
    ...plan.ports,
  ];
  for (const [, backend] of plan.backends) sections.push({ text: backendText(backend), key: backend.key });
  const starts: { line: number; key: string | undefined }[] = [];
  let line = 1;
  for (const { text, key } of sections) {
    starts.push({ line, key });
    line += text.split('\n').length + 1;
  }
  const { paths, lower, wild, apps } = plan.routes;
  return {
    text: `${sections.map(({ text }) => text).join('\n\n')}\n`,
    maps: {
      [MAP_FILES.paths]: mapText(paths),
      [MAP_FILES.lower]: mapText(lower),
      [MAP_FILES.wild]: mapText(wild),
      [MAP_FILES.apps]: mapText(apps),
    },
    ownerOf: (asked) => starts.findLast((start) => start.line <= asked)?.key,
  };
}

function backendText({ shape, serverOptions, slots }: PlannedBackend): string {
  return [shape, ...slots.map((slot, index) => serverLine(slot, index, serverOptions))].join('\n  ');
}

/** A slot that nobody has leads nowhere, and is switched off. */
function serverLine(slot: Slot, index: number, options: string): string {
  const by = slot.state === 'taken' ? slot.by : undefined;
  const address = by ? placeOf(by.address, by.port) : '127.0.0.1:1';
  const words = [`server ${slotName(index)} ${address}`, `weight ${by?.weight ?? 1}`, options];
  if (!by || by.disabled) words.push('disabled');
  return words.filter((each) => each !== '').join(' ');
}

function mapText(entries: Iterable<readonly [string, string]>): string {
  let text = '';
  for (const [key, value] of entries) text += `${key} ${value}\n`;
  return text;
}

/** A command as lines of HAProxy's command line; `replace-wild` takes an exchange of its own. */
export function commandLines(command: Exclude<Command, { do: 'replace-wild' }>): readonly string[] {
  switch (command.do) {
    case 'maint':
      return [`set server ${command.backend}/${slotName(command.slot)} state maint`];
    case 'take': {
      const { by, known } = command;
      const server = `${command.backend}/${slotName(command.slot)}`;
      return [
        ...(known ? [] : [`set server ${server} addr ${by.address} port ${by.port}`]),
        `set server ${server} weight ${by.weight}`,
        `set server ${server} state ${by.disabled ? 'maint' : 'ready'}`,
      ];
    }
    case 'del':
      return [`del map ${MAP_FILES[command.map]} ${argument(command.key)}`];
    default:
      return [
        `${command.do} map ${MAP_FILES[command.map]} ${argument(command.key)} ${argument(command.value)}`,
      ];
  }
}

function placeOf(address: string, port: number): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
