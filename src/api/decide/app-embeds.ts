/** What is shown beside an app's own fields. */
export type AppEmbed = 'tasks' | 'counts' | 'deployments' | 'readiness' | 'lastTaskFailure' | 'taskStats';

const prefixes = ['apps.', 'app.', 'group.apps.'] as const;

const expansions: Readonly<Record<string, readonly AppEmbed[]>> = {
  tasks: ['tasks', 'deployments'],
  counts: ['counts'],
  deployments: ['deployments'],
  readiness: ['readiness'],
  lastTaskFailure: ['lastTaskFailure'],
  taskStats: ['taskStats'],
  failures: ['tasks', 'lastTaskFailure', 'deployments'],
};

/** What the list always shows. */
export const listEmbeds: readonly AppEmbed[] = ['counts', 'deployments'];

/** What a single app always shows. */
export const singleEmbeds: readonly AppEmbed[] = ['counts', 'tasks', 'lastTaskFailure', 'deployments'];

/**
 * Reads `embed` parameters: names may carry `apps.`, `app.` or `group.apps.`; `tasks` implies deployments, the
 * deprecated `failures` is tasks, lastTaskFailure and deployments; unknown names are ignored.
 */
export function appEmbeds(always: readonly AppEmbed[], asked: readonly string[]): ReadonlySet<AppEmbed> {
  const embeds = new Set<AppEmbed>(always);
  for (const name of asked) {
    const prefix = prefixes.find((text) => name.startsWith(text)) ?? '';
    const bare = name.slice(prefix.length);
    if (!Object.hasOwn(expansions, bare)) continue;
    for (const embed of expansions[bare] ?? []) embeds.add(embed);
  }
  return embeds;
}
