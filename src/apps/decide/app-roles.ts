import type { DefinitionSettings } from '../app-input.js';
import type { GroupRecord } from '../group.js';

/** The top-level group that something lies in: `/shop` for `/shop/db/main`; undefined directly below the root. */
function topGroupOf(id: string): string | undefined {
  const end = id.indexOf('/', 1);
  return end < 0 ? undefined : id.slice(0, end);
}

/**
 * The settings for reading one app or pod, with the roles that it may have (Marathon reference 2.8): below the root only the
 * default one; in a top-level group also that of the group, which is its name; and only that one where the group enforces it.
 * What it has already, it may keep. `group`: the record of a group, undefined when there is none.
 */
export function withRolesOf<Settings extends DefinitionSettings>(
  settings: Settings,
  id: string,
  current: string | undefined,
  group: (groupId: string) => Pick<GroupRecord, 'enforceRole'> | undefined,
): Settings {
  const top = topGroupOf(id);
  const ofGroup = top?.slice(1);
  const enforced = top !== undefined && group(top)?.enforceRole === true;
  const roles = new Set<string>();
  if (!enforced) roles.add(settings.defaultRole);
  if (ofGroup) roles.add(ofGroup);
  if (current !== undefined) roles.add(current);
  return {
    ...settings,
    defaultRole: enforced && ofGroup ? ofGroup : settings.defaultRole,
    roles: [...roles],
  };
}
