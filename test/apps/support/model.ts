import type { App } from '../../../src/apps/app.js';
import type { AppDraft, DefinitionSettings } from '../../../src/apps/app-input.js';
import { fieldsOfDraft } from '../../../src/apps/decide/next-record.js';
import { readModel } from '../../../src/apps/decide/read-definition.js';
import { resolvePath } from '../../../src/apps/path.js';
import { type PresentedApp, presentApp } from '../../../src/apps/present-app.js';
import { timestamp } from '../../../src/util/timestamp.js';
import { contract } from './app-world.js';

/** A definition read against the model alone: everything Marathon has, whether longrun can run it or not. */
export function readAgainstModel(
  body: unknown,
  settings: Partial<DefinitionSettings> = {},
  current?: App,
): AppDraft {
  const input = contract.read(current ? 'AppUpdate' : 'AppInput', body);
  const id = resolvePath(input.id ?? current?.id ?? '');
  return readModel(input, id, { current }, { defaultRole: '*', ...settings });
}

/** The app that a draft would become; service ports stay unassigned. */
export function appOf(draft: AppDraft): App {
  const at = timestamp(Date.UTC(2026, 0, 1));
  return {
    ...fieldsOfDraft(draft, draft),
    version: at,
    versionInfo: { lastScalingAt: at, lastConfigChangeAt: at },
  };
}

/** What would be answered, as JSON carries it. */
export function presentedModel(draft: AppDraft): PresentedApp {
  return JSON.parse(JSON.stringify(presentApp(appOf(draft)))) as PresentedApp;
}
