import type { Honour } from '../honour-table.js';
import type { Reason, Verdict } from './judge-app.js';
import type { ImportPlan, PlannedApp } from './plan-import.js';
import type { Note } from './translate-app.js';

/** What an import found and did: the JSON that programs get. Definitions, and with them values of `env`, are not in it. */
export interface ImportReport {
  readonly source: string;
  readonly destination: string;
  readonly dryRun: boolean;
  readonly apps: readonly AppReport[];
  readonly groups: ImportPlan['groups'];
  readonly pods: readonly { readonly id: string; readonly reasons: readonly Reason[] }[];
  /** Groups that hold their apps to a role. */
  readonly enforcingRole: readonly string[];
  /** Where what was kept aside is, if anything was and it was written. */
  readonly asideFile?: string;
}

export interface AppReport {
  readonly id: string;
  readonly outcome: Outcome;
  /** Of a conflict or a replacement: the fields that differ. */
  readonly fields?: readonly string[];
  readonly reasons?: readonly Reason[];
  readonly honoured: readonly string[];
  readonly notes: readonly Note[];
}

/** `unsent`: it did not come to that any more. */
export type Outcome = Verdict['kind'] | 'unsent';

/** What came of sending: which apps the server refused, which it had meanwhile, and which were not sent. */
export interface Sending {
  readonly refused: ReadonlyMap<string, readonly Reason[]>;
  readonly appeared: readonly string[];
  readonly unsent: readonly string[];
}

/** What became of each app in the end. */
export function reportApps(
  apps: readonly PlannedApp[],
  { refused, appeared, unsent }: Sending,
): readonly AppReport[] {
  const late = new Map<string, Outcome>([
    ...appeared.map((id) => [id, 'conflict'] as const),
    ...unsent.map((id) => [id, 'unsent'] as const),
  ]);
  return apps.map(({ id, verdict, notes }) => {
    const reasons = refused.get(id) ?? (verdict.kind === 'aside' ? verdict.reasons : undefined);
    return {
      id,
      outcome: reasons ? 'aside' : (late.get(id) ?? verdict.kind),
      ...('fields' in verdict ? { fields: verdict.fields } : {}),
      ...(reasons ? { reasons } : {}),
      honoured: notes.filter(({ honour }) => honour === 'honoured').map(({ what }) => what),
      notes: notes.filter(({ honour }) => honour !== 'honoured'),
    };
  });
}

const outcomeWords: Readonly<Record<Outcome, readonly [done: string, planned: string]>> = {
  new: ['imported', 'would be imported'],
  same: ['already here', 'already here'],
  replace: ['replaced', 'would be replaced'],
  conflict: ['CONFLICT, left as it is', 'CONFLICT, would be left as it is'],
  aside: ['KEPT ASIDE', 'would be KEPT ASIDE'],
  unsent: ['NOT SENT', 'would not be sent'],
};

const honourWords: readonly (readonly [Honour, string])[] = [
  ['translated', 'translated'],
  ['partly', 'honoured in part'],
  ['not', 'not honoured'],
];

/** The report for people: an app after the other, then what its notes mean, each once, then the sum. */
export function reportLines(report: ImportReport): readonly string[] {
  const word = (outcome: Outcome): string => outcomeWords[outcome][report.dryRun ? 1 : 0];
  return [
    ...report.apps.flatMap((app) => appLines(app, word(app.outcome))),
    ...report.groups.map(({ id, verdict, dependencies }) => {
      const what = dependencies.length > 0 ? `depends on ${dependencies.join(', ')}` : 'empty';
      return `group ${id}  ${word(verdict)} (${what})`;
    }),
    ...report.pods.flatMap(({ id, reasons }) => [`pod ${id}  ${word('aside')}`, ...reasons.map(reasonLine)]),
    ...report.enforcingRole.map(
      (id) => `group ${id}  ${report.dryRun ? 'would hold' : 'holds'} its apps to its role (enforceRole)`,
    ),
    ...legend(report.apps.flatMap(({ notes }) => notes)),
    '',
    sumLine(report, word),
    ...(report.asideFile === undefined
      ? []
      : [`What was kept aside is in ${report.asideFile}, ready for another try.`]),
  ];
}

function appLines(app: AppReport, word: string): readonly string[] {
  const names = (honour: Honour): string =>
    app.notes
      .filter((note) => note.honour === honour)
      .map(({ what }) => what)
      .join(', ');
  return [
    `${app.id}  ${word}`,
    ...(app.fields?.length
      ? [`  ${app.outcome === 'conflict' ? 'differs' : 'differed'} in: ${app.fields.join(', ')}`]
      : []),
    ...(app.reasons ?? []).map(reasonLine),
    ...(app.honoured.length > 0 ? [`  honoured: ${app.honoured.join(', ')}`] : []),
    ...honourWords.flatMap(([honour, text]) => (names(honour) === '' ? [] : [`  ${text}: ${names(honour)}`])),
  ];
}

function reasonLine({ path, text, hint }: Reason): string {
  return `  because of ${path}: ${text}${hint === '' ? '' : ` (${hint})`}`;
}

function legend(notes: readonly Note[]): readonly string[] {
  const distinct = new Map(notes.map((note) => [`${note.what} ${note.why}`, note]));
  if (distinct.size === 0) return [];
  return [
    '',
    'Notes:',
    ...[...distinct.values()].map(
      ({ what, why, todo }) => `  ${what}: ${why}.${todo === '' ? '' : ` ${todo}`}`,
    ),
  ];
}

function sumLine({ apps, pods }: ImportReport, word: (outcome: Outcome) => string): string {
  const counts = (Object.keys(outcomeWords) as Outcome[]).flatMap((outcome) => {
    const count = apps.filter((app) => app.outcome === outcome).length;
    return count > 0 ? [`${count} ${word(outcome)}`] : [];
  });
  const pod = pods.length > 0 ? `; ${countOf(pods.length, 'pod')} kept aside` : '';
  return `${countOf(apps.length, 'app')}${counts.length > 0 ? `: ${counts.join(', ')}` : ''}${pod}`;
}

/** Whether anything of the source is not, or would not be, on the destination as it was. */
export function isIncomplete({ apps, groups, pods }: Omit<ImportReport, 'source'>): boolean {
  return (
    pods.length > 0 ||
    apps.some(({ outcome }) => outcome !== 'new' && outcome !== 'same' && outcome !== 'replace') ||
    groups.some(({ verdict }) => verdict === 'conflict')
  );
}

function countOf(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}
