import { portLabelNames, readPortLabel } from './port-labels.js';
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
const TEMPLATE_HINT =
  'HAProxy’s language is not taken from labels: say it in `loadBalancer`, or run with --lb haproxy --lb-raw-labels.';

/** Reads every label of the port `index`; `HAPROXY_GROUP` where the port names no group of its own. */
export function readLabels(labels: Readonly<Record<string, string>>, index: number): LabelReading {
  const findings: LabelFinding[] = [];
  const said = new Map<string, RoutingPart>();
  const nameOf = (name: string): string => `HAPROXY_${index}_${name}`;
  const textOf = (label: string): string => (Object.hasOwn(labels, label) ? (labels[label] ?? '') : '');
  const note = (label: string, kind: LabelFinding['kind'], text: string, hint: string): void => {
    findings.push({ label, kind, text, hint });
  };
  for (const name of portLabelNames) {
    const own = nameOf(name);
    const label = name === 'GROUP' && textOf(own).trim() === '' ? 'HAPROXY_GROUP' : own;
    const text = textOf(label);
    if (text.trim() === '') continue;
    const read = readPortLabel(name, text);
    if (!read) continue;
    if (read.value) said.set(label, read.value);
    if (read.problem !== undefined) note(label, 'malformed', read.problem, read.hint ?? '');
    if (read.unheeded !== undefined) note(label, 'unheeded', read.unheeded, '');
  }
  restoreLocation(said, nameOf, textOf, note);
  for (const name of templateNames) {
    const label = nameOf(name);
    const text = textOf(label);
    if (text.trim() === '') continue;
    const switched = switchedBy[name as keyof typeof switchedBy];
    if (switched !== undefined && !isSwitchedOn(said.get(nameOf(switched)))) continue;
    const { part, unheeded } = readTemplateOf(name, text);
    said.set(label, part);
    if (unheeded.length > 0) note(label, 'unheeded', lines(unheeded), TEMPLATE_HINT);
  }
  return { part: together(said, isTemplateLabel(index)), said, findings };
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
function together(said: ReadonlyMap<string, RoutingPart>, isRaw: (label: string) => boolean): RoutingPart {
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
  nameOf: (name: string) => string,
  textOf: (label: string) => string,
  note: (label: string, kind: LabelFinding['kind'], text: string, hint: string) => void,
): void {
  const reverse = nameOf('HTTP_BACKEND_REVPROXY_PATH');
  if (!said.has(reverse)) return;
  const pass = nameOf('HTTP_BACKEND_PROXYPASS_PATH');
  const rewrite = said.get(pass)?.rules?.rewrite;
  if (rewrite && rewrite.from === textOf(reverse).trim())
    said.set(pass, { rules: { rewrite: { ...rewrite, restoreLocation: true } } });
  else
    note(reverse, 'unheeded', `it counts only with the same path in ${pass}`, 'Give both, or `loadBalancer.ports[].rewrite`.');
}

function lines(unheeded: readonly string[]): string {
  const first = unheeded.slice(0, MAX_LINES_SHOWN).map(shown).join(', ');
  const rest = unheeded.length - MAX_LINES_SHOWN;
  return `in part: ${first}${rest > 0 ? ` and ${rest} more lines` : ''} ${unheeded.length > 1 ? 'have' : 'has'} no effect`;
}
