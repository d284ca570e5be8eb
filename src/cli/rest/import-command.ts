import { type Contract, loadContract } from '../../api/contract/load-contract.js';
import type { AppInput } from '../../apps/app-input.js';
import { type Applied, applyImport, rehearseImport } from '../import/apply-import.js';
import { type AsideContent, asideFileName, writeAside } from '../import/aside-file.js';
import { type ImportPlan, type PlannedApp, planImport } from '../import/decide/plan-import.js';
import { type ImportReport, isIncomplete, reportApps, reportLines } from '../import/decide/report.js';
import { connectToSource, readServer, readSource, type SourceWishes } from '../import/read-source.js';
import { type ChangeArguments, exitCodes } from './carry-out.js';
import { type CommandIo, paint, printable } from './command-io.js';
import { RestClient } from './rest-client.js';

export interface ImportArguments extends ChangeArguments {
  readonly source: SourceWishes;
  /** Absolute path; `/` is everything. */
  readonly group: string;
  readonly dryRun: boolean;
  readonly oneByOne: boolean;
  readonly replace: boolean;
  readonly stopped: boolean;
  readonly force: boolean;
  /** File for what is kept aside; undefined: one named for the source, and none in a dry run. */
  readonly aside?: string | undefined;
  /** Where the contract that definitions are read by is. */
  readonly contract: { readonly file: string; readonly compiled?: string };
}

/** What the command ends with when all went well, but something of the source stays where it is. */
export const INCOMPLETE = 5;

/** As the server reads definitions; what it sees differently it says itself, in a dry run too. */
const settings = { defaultRole: '*' } as const;

/**
 * `import URL`: takes the apps and groups of a live Marathon. Reads the source only; removes nothing here. In a dry run the
 * server judges every app and makes none.
 */
export async function importFrom(client: RestClient, io: CommandIo, args: ImportArguments): Promise<number> {
  const sourceClient = new RestClient(connectToSource(args.source));
  const source = await readSource(sourceClient, args.group);
  const contract = await loadContract(args.contract.file, args.contract.compiled);
  const plan = planImport({
    source,
    pods: source.pods,
    destination: await readServer(client, '/'),
    judge: {
      read: readerOf(contract),
      readPod: (body) => contract.read('PodInput', body),
      settings,
      replace: args.replace,
    },
    stopped: args.stopped,
  });
  const wanted = plan.apps.filter(({ verdict }) => verdict.kind === 'new' || verdict.kind === 'replace');
  const groups = plan.groups.filter(({ verdict }) => verdict === 'new');
  if (!args.json && !args.dryRun && wanted.length > 0) {
    const apps = wanted.length === 1 ? '1 app' : `${wanted.length} apps`;
    io.out(paint(io, 'dim', `importing ${apps} from ${sourceClient.url} to ${client.url}`));
  }
  const applied = args.dryRun
    ? await rehearseImport(client, io, wanted, args)
    : await applyImport(client, io, wanted, { groups, enforcingRole: plan.enforcingRole }, args);
  const report = await finish(plan, applied, args, sourceClient.url, client.url);
  if (args.json) io.out(JSON.stringify(report, undefined, 2));
  else for (const line of reportLines(report)) io.out(printable(line));
  if (applied.error !== undefined) throw applied.error;
  if (applied.code !== exitCodes.ok) return applied.code;
  return isIncomplete(report) ? INCOMPLETE : exitCodes.ok;
}

const readerOf =
  (contract: Contract) =>
  (body: unknown): AppInput =>
    contract.read('AppInput', body);

/** Writes down what was kept aside, and says everything. */
async function finish(
  plan: ImportPlan,
  applied: Applied,
  args: ImportArguments,
  source: string,
  destination: string,
): Promise<ImportReport> {
  const apps = reportApps(plan.apps, applied);
  const content = asideContent(plan, source, applied.refused);
  const file = args.aside ?? (args.dryRun ? undefined : asideFileName(source));
  const writes = file !== undefined && content.apps.length + content.pods.length > 0;
  if (writes) await writeAside(file, content);
  return {
    source,
    destination,
    dryRun: args.dryRun,
    apps,
    groups: plan.groups,
    pods: plan.pods.map(({ id, reasons }) => ({ id, reasons })),
    enforcingRole: plan.enforcingRole,
    ...(writes ? { asideFile: file } : {}),
  };
}

function asideContent(plan: ImportPlan, source: string, refused: Applied['refused']): AsideContent {
  const kept = (app: PlannedApp): AsideContent['apps'] => {
    const { id, definition, verdict } = app;
    const reasons = refused.get(id) ?? (verdict.kind === 'aside' ? verdict.reasons : undefined);
    return reasons ? [{ id, reasons, definition }] : [];
  };
  return { source, apps: plan.apps.flatMap(kept), pods: plan.pods };
}
