import { isIPv6 } from '../../../util/ip-address.js';
import { argument } from './escape.js';
import { MAP_FILES } from './frame.js';
import type { Command, Plan, PlannedBackend } from './plan-change.js';
import { FREE, type Slot, slotName } from './slots.js';

export interface Rendered {
  readonly text: string;
  /** Contents by file name. */
  readonly maps: Readonly<Record<string, string>>;
  /** Certificates with their keys, and authorities, by file. */
  readonly secrets: Readonly<Record<string, string>>;
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
      [MAP_FILES.challenges]: mapText(plan.challenges),
      ...Object.fromEntries(plan.tls.lists),
    },
    secrets: Object.fromEntries(plan.tls.files),
    ownerOf: (asked) => starts.findLast((start) => start.line <= asked)?.key,
  };
}

/** Of backends as they were last put into words: most are the same objects in the next plan. */
const texts = new WeakMap<PlannedBackend, string>();

function backendText(backend: PlannedBackend): string {
  const known = texts.get(backend);
  if (known !== undefined) return known;
  const { shape, serverOptions, slots } = backend;
  const servers = slots.map((slot, index) => `server ${slotName(index)} ${serverWords(slot, serverOptions)}`);
  const text = [shape, ...servers].join('\n  ');
  texts.set(backend, text);
  return text;
}

/** A slot that nobody has leads nowhere, and is switched off. */
function serverWords(slot: Slot, options: string): string {
  const by = slot.state === 'taken' ? slot.by : undefined;
  const address = by ? placeOf(by.address, by.port) : '127.0.0.1:1';
  const words = [address, `weight ${by?.weight ?? 1}`, options];
  if (!by || by.disabled) words.push('disabled');
  return words.filter((each) => each !== '').join(' ');
}

function mapText(entries: Iterable<readonly [string, string]>): string {
  let text = '';
  for (const [key, value] of entries) text += `${key} ${value}\n`;
  return text;
}

/** A command as lines of HAProxy's command line; some take exchanges of their own. */
export function commandLines(
  command: Exclude<Command, { do: 'replace-wild' | 'certificate' }>,
): readonly string[] {
  switch (command.do) {
    case 'maint':
      return [`set server ${command.backend}/${slotName(command.slot)} state maint`];
    case 'grow': {
      const server = `${command.backend}/${slotName(command.slot)}`;
      // Without its number HAProxy 2.6 puts all added servers at one place of a consistent hash. It is the one that a configuration gives.
      const lines = [
        `add server ${server} ${serverWords(FREE, command.serverOptions)} id ${command.slot + 1}`,
      ];
      // A server that is added has its check switched off.
      return command.serverOptions.split(' ').includes('check')
        ? [...lines, `enable health ${server}`]
        : lines;
    }
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
