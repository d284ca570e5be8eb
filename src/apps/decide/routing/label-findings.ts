import type { RawLines } from '../../port-routing.js';
import { readPortLabel } from './port-labels.js';
import { foldParts, mergeParts, type RoutingPart } from './routing-part.js';
import { readServerOptions } from './server-options.js';
import { readTemplate } from './template-lines.js';
import { wordsOfLine } from './template-words.js';
import { shown } from './values.js';

/** Something about a label that its owner should know. */
export interface LabelFinding {
  readonly label: string;
  /** `malformed`: its value cannot be read, so it counts as absent; `unheeded`: it, or a part of it, has no effect. */
  readonly kind: 'malformed' | 'unheeded';
  readonly text: string;
  readonly hint: string;
  /** A load balancer that takes HAProxy's language from labels heeds it. */
  readonly raw?: true;
}

/** What the labels of one port say together, and which label said what. */
export interface LabelReading {
  readonly part: RoutingPart;
  readonly said: ReadonlyMap<string, RoutingPart>;
  readonly findings: readonly LabelFinding[];
}

/** Templates of marathon-lb that consist of lines of a frontend or a backend of their port. */
const lineTemplates = [
  'FRONTEND_HEAD',
  'BACKEND_HEAD',
  'BACKEND_HTTP_OPTIONS',
  'BACKEND_STICKY_OPTIONS',
  'BACKEND_HTTP_HEALTHCHECK_OPTIONS',
  'BACKEND_TCP_HEALTHCHECK_OPTIONS',
  'BACKEND_HSTS_OPTIONS',
  'BACKEND_REDIRECT_HTTP_TO_HTTPS',
  'BACKEND_REDIRECT_HTTP_TO_HTTPS_WITH_PATH',
] as const;
/** Those that count only where another label switches them on. */
const switchedBy: Readonly<Partial<Record<(typeof lineTemplates)[number], string>>> = {
  BACKEND_STICKY_OPTIONS: 'STICKY',
  BACKEND_HSTS_OPTIONS: 'USE_HSTS',
  BACKEND_REDIRECT_HTTP_TO_HTTPS: 'REDIRECT_TO_HTTPS',
  BACKEND_REDIRECT_HTTP_TO_HTTPS_WITH_PATH: 'REDIRECT_TO_HTTPS',
};
/** Templates of words of a `server` line. */
const serverTemplates = [
  'BACKEND_SERVER_OPTIONS',
  'BACKEND_SERVER_HTTP_HEALTHCHECK_OPTIONS',
  'BACKEND_SERVER_TCP_HEALTHCHECK_OPTIONS',
] as const;

/** Names of the templates of which something may count, without `HAPROXY_{n}_`. */
export const templateNames: readonly string[] = [...lineTemplates, ...serverTemplates];
const templateNameSet: ReadonlySet<string> = new Set(templateNames);

export const isTemplate = (name: string): boolean => templateNameSet.has(name);

const MAX_LINES_SHOWN = 3;
const TEMPLATE_HINT = 'HAProxy’s language is not taken from labels: say it in `loadBalancer`.';

/** The labels of one port by what follows `HAPROXY_{n}_`, blank ones left out. */
export type LabelsOfPort = ReadonlyMap<string, string>;

const PREFIX = 'HAPROXY_';
/** Most ports of which labels are looked at; an app has fewer. */
const MAX_INDEX_DIGITS = 3;

/** The labels of each port that has any; each label is looked at once. */
export function labelsByPort(labels: Readonly<Record<string, string>>): ReadonlyMap<number, LabelsOfPort> {
  const found = new Map<number, Map<string, string>>();
  for (const label in labels) {
    if (!label.startsWith(PREFIX)) continue;
    const end = label.indexOf('_', PREFIX.length);
    const digits = end < 0 ? '' : label.slice(PREFIX.length, end);
    const text = labels[label] ?? '';
    if (digits.length > MAX_INDEX_DIGITS || !/^\d+$/.test(digits) || text.trim() === '') continue;
    const index = Number(digits);
    // `HAPROXY_00_VHOST` is nobody's.
    if (String(index) !== digits) continue;
    const ofPort = found.get(index);
    if (ofPort) ofPort.set(label.slice(end + 1), text);
    else found.set(index, new Map([[label.slice(end + 1), text]]));
  }
  return found;
}

export const NO_LABELS: LabelsOfPort = new Map();

/** Reads every label of the port `index`; `appGroup` (`HAPROXY_GROUP`) counts where the port names no group of its own. */
export function readLabels(index: number, ofPort: LabelsOfPort, appGroup: string | undefined): LabelReading {
  const findings: LabelFinding[] = [];
  const said = new Map<string, RoutingPart>();
  const nameOf = (name: string): string => `HAPROXY_${index}_${name}`;
  const note = (label: string, kind: LabelFinding['kind'], text: string, hint: string): void => {
    findings.push({ label, kind, text, hint });
  };
  const take = (label: string, name: string, text: string): void => {
    const read = readPortLabel(name, text);
    if (read?.value) said.set(label, read.value);
    if (read?.problem !== undefined) note(label, 'malformed', read.problem, read.hint ?? '');
    if (read?.unheeded !== undefined) note(label, 'unheeded', read.unheeded, '');
  };
  for (const [name, text] of ofPort) take(nameOf(name), name, text);
  if (appGroup !== undefined && !ofPort.has('GROUP')) take('HAPROXY_GROUP', 'GROUP', appGroup);
  if (ofPort.has('HTTP_BACKEND_REVPROXY_PATH')) restoreLocation(said, ofPort, nameOf, note);
  let hasTemplates = false;
  for (const [name, text] of ofPort) {
    if (!isTemplate(name)) continue;
    const switched = switchedBy[name as keyof typeof switchedBy];
    if (switched !== undefined && !isSwitchedOn(said.get(nameOf(switched)))) continue;
    const { part, unheeded } = readTemplateOf(name, text);
    hasTemplates = true;
    said.set(nameOf(name), unheeded.length === 0 ? part : { ...part, raw: { [scopeOf(name)]: unheeded } });
    if (unheeded.length > 0)
      findings.push({
        label: nameOf(name),
        kind: 'unheeded',
        text: lines(unheeded),
        hint: TEMPLATE_HINT,
        raw: true,
      });
  }
  return { part: together(said, hasTemplates, isTemplateLabel(index)), said, findings };
}

/** Where its lines stand. */
function scopeOf(name: string): keyof RawLines {
  if ((serverTemplates as readonly string[]).includes(name)) return 'server';
  return name === 'FRONTEND_HEAD' ? 'frontend' : 'backend';
}

function readTemplateOf(name: string, text: string): { part: RoutingPart; unheeded: readonly string[] } {
  if (!(serverTemplates as readonly string[]).includes(name)) return readTemplate(text);
  const words = wordsOfLine(text.replaceAll('\n', ' '));
  return words ? readServerOptions(words) : { part: {}, unheeded: [text] };
}

const isTemplateLabel =
  (index: number) =>
  (label: string): boolean =>
    isTemplate(label.slice(`HAPROXY_${index}_`.length));

/** Templates in their order, under the typed labels; only the value that HSTS has comes from its template. */
function together(
  said: ReadonlyMap<string, RoutingPart>,
  hasTemplates: boolean,
  isRaw: (label: string) => boolean,
): RoutingPart {
  if (!hasTemplates) return foldParts([...said.values()]);
  const raw = foldParts([...said].flatMap(([label, part]) => (isRaw(label) ? [part] : [])));
  const typed = [...said].flatMap(([label, part]) => (isRaw(label) ? [] : [part]));
  const whole = mergeParts(raw, foldParts(typed));
  const hsts = raw.rules?.hsts;
  return hsts === undefined ? whole : mergeParts(whole, { rules: { hsts } });
}

/** Whether the label that was read says yes. */
function isSwitchedOn(part: RoutingPart | undefined): boolean {
  return part !== undefined && (part.sticky === true || part.rules !== undefined);
}

/** marathon-lb turns `Location` back where the path of the reverse proxy is told besides what is taken off. */
function restoreLocation(
  said: Map<string, RoutingPart>,
  ofPort: LabelsOfPort,
  nameOf: (name: string) => string,
  note: (label: string, kind: LabelFinding['kind'], text: string, hint: string) => void,
): void {
  const reverse = nameOf('HTTP_BACKEND_REVPROXY_PATH');
  if (!said.has(reverse)) return;
  const path = ofPort.get('HTTP_BACKEND_REVPROXY_PATH')?.trim();
  const pass = nameOf('HTTP_BACKEND_PROXYPASS_PATH');
  const rewrite = said.get(pass)?.rules?.rewrite;
  if (rewrite && rewrite.from === path)
    said.set(pass, { rules: { rewrite: { ...rewrite, restoreLocation: true } } });
  else
    note(
      reverse,
      'unheeded',
      `it counts only with the same path in ${pass}`,
      'Give both, or `loadBalancer.ports[].rewrite`.',
    );
}

function lines(unheeded: readonly string[]): string {
  const first = unheeded.slice(0, MAX_LINES_SHOWN).map(shown).join(', ');
  const rest = unheeded.length - MAX_LINES_SHOWN;
  return `in part: ${first}${rest > 0 ? ` and ${rest} more lines` : ''} ${unheeded.length > 1 ? 'have' : 'has'} no effect`;
}
