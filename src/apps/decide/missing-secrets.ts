import type { ErrorDetail } from '../../errors/registry.js';
import { mayUse, secretPathOf } from '../../secrets/decide/secret-path.js';
import type { AppId } from '../app.js';
import type { AppDraft } from '../app-input.js';

/** Every secret that a definition names must be there, and be of the app's own group or of one around it. */
export function missingSecretProblems(
  { id, secrets = {} }: Pick<AppDraft, 'id' | 'secrets'>,
  hasSecret: (path: string) => boolean,
): readonly ErrorDetail[] {
  return Object.entries(secrets).flatMap(([name, { source }]): readonly ErrorDetail[] => {
    const path = secretPathOf(id as AppId, source);
    const at = { path: `/secrets/${name}/source`, code: 'secret' };
    if (!mayUse(id as AppId, path)) {
      const hint = 'An app may use the secrets of its own group and of the groups around it.';
      return [{ ...at, errors: [`${path} is not for this app`], hint }];
    }
    if (hasSecret(path)) return [];
    return [
      { ...at, errors: [`secret ${path} does not exist`], hint: `\`longrun secret set ${path}\` makes it.` },
    ];
  });
}
