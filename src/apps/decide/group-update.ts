import type { Schemas } from '../../api/contract/load-contract.js';
import { CatalogError, type ErrorDetail } from '../../errors/registry.js';
import type { AppInput } from '../app-input.js';
import { isWellFormedPath, MAX_APP_ID_LENGTH, parentPath, resolvePath, SEGMENT_PATTERN } from '../path.js';

/** What a client sent about a group, of the right shape. */
export type GroupInput = Schemas['GroupUpdate'];

/** What a request says about one group; what is absent stays as it is. */
export interface GroupPart {
  readonly groupId: string;
  /** Prefix of the paths told. */
  readonly at: string;
  /** All apps that shall lie directly in it. */
  readonly apps?: readonly PlacedApp[];
  /** Paths of all groups that shall lie directly in it. */
  readonly groups?: readonly string[];
  readonly dependencies?: readonly string[];
  readonly enforceRole?: boolean;
}

export interface PlacedApp {
  readonly id: string;
  readonly at: string;
  readonly input: AppInput;
}

/** What a body asks for. */
export type GroupRequest =
  | { readonly kind: 'restore'; readonly version: string }
  | { readonly kind: 'scale'; readonly by: number }
  | { readonly kind: 'structure'; readonly parts: readonly GroupPart[] };

type VersionOf = (groupId: string) => string | undefined;

/**
 * Reads what a body asks of the group `groupId` (Marathon reference 1.8): a version or a factor, each of which must stand
 * alone, or what the group and those in it shall be. A version that is the group's own is the echo of an answer that was
 * read and sent back, and means nothing. Throws CatalogError `invalid-object` with all findings.
 */
export function readGroupRequest(input: GroupInput, groupId: string, versionOf: VersionOf): GroupRequest {
  const problems: ErrorDetail[] = [];
  const isEcho = given(input.version) && input.version === versionOf(groupId);
  const others = (Object.keys(input) as (keyof GroupInput)[]).filter((name) => given(input[name]));
  for (const name of ['version', 'scaleBy'] as const) {
    if (!given(input[name]) || others.length === 1 || (name === 'version' && isEcho)) continue;
    problems.push({
      path: `/${name}`,
      errors: ['not allowed in conjunction with other properties.'],
      code: 'contradiction',
      hint: `Send \`${name}\` alone, not even with \`id\`, or leave it out.`,
    });
  }
  refuse(problems);
  if (given(input.version) && others.length === 1) return { kind: 'restore', version: input.version };
  if (given(input.scaleBy)) return { kind: 'scale', by: input.scaleBy };
  const parts = [...partsOf(input, groupId, '', versionOf, problems)];
  refuse(problems);
  return { kind: 'structure', parts };
}

/** The group and those in it, each before those that lie in it. */
function* partsOf(
  input: GroupInput,
  groupId: string,
  at: string,
  versionOf: VersionOf,
  problems: ErrorDetail[],
): Iterable<GroupPart> {
  if (groupId !== '/' && (!isWellFormedPath(groupId) || groupId.length > MAX_APP_ID_LENGTH)) {
    problems.push({
      path: `${at}/id`,
      errors: [
        groupId.length > MAX_APP_ID_LENGTH
          ? `must not be longer than ${MAX_APP_ID_LENGTH} characters, got ${groupId.length}`
          : `must fully match regular expression '${SEGMENT_PATTERN}'`,
      ],
      code: 'segment',
      hint: 'Each part of a path is made of small letters, digits and inner hyphens.',
    });
  }
  const nested = childrenOf(
    input.groups,
    groupId,
    `${at}/groups`,
    problems,
    'Group has to be child of groups with parent id',
  );
  const apps = childrenOf(input.apps, groupId, `${at}/apps`, problems, 'Identifier is not child of');
  const dependencies = dependenciesOf(input, groupId, at, problems);
  if (given(input.enforceRole) && (groupId === '/' || parentPath(groupId) !== '/')) {
    const text = `enforceRole can only be set for top-level groups, and ${groupId} is not top-level`;
    problems.push({
      path: `${at}/enforceRole`,
      errors: [text],
      code: 'not-top-level',
      hint: 'Leave it out.',
    });
  }
  yield {
    groupId,
    at,
    ...(apps && { apps: apps.map(({ id, at: place, input: app }) => ({ id, at: place, input: app })) }),
    ...(nested && { groups: nested.map(({ id }) => id) }),
    ...(dependencies && { dependencies }),
    ...(given(input.enforceRole) && { enforceRole: input.enforceRole }),
  };
  for (const child of nested ?? []) {
    problems.push(...strangersIn(child.input, child.id, child.at, versionOf));
    yield* partsOf(child.input, child.id, child.at, versionOf, problems);
  }
}

interface Placed<Input> {
  readonly id: string;
  readonly at: string;
  readonly input: Input;
}

/** Elements of `apps` or `groups` with their absolute ids; each must be named, a direct child, and named once. */
function childrenOf<Input extends { readonly id?: string | null }>(
  inputs: readonly Input[] | null | undefined,
  groupId: string,
  at: string,
  problems: ErrorDetail[],
  notChild: string,
): readonly Placed<Input>[] | undefined {
  if (!given(inputs)) return undefined;
  const seen = new Set<string>();
  return inputs.flatMap((input, index) => {
    const place = `${at}(${index})`;
    if (!given(input.id)) {
      problems.push({
        path: `${place}/id`,
        errors: ['not defined'],
        code: 'required',
        hint: '`id` must be given.',
      });
      return [];
    }
    const id = resolvePath(input.id, groupId);
    const isChild = id !== '/' && parentPath(id) === groupId;
    if (!isChild || seen.has(id)) {
      problems.push({
        path: `${place}/id`,
        errors: [
          isChild ? 'must be unique' : `${notChild} ${notChild.endsWith('of') ? `'${groupId}'` : groupId}`,
        ],
        code: isChild ? 'duplicate' : 'not-child',
        hint: isChild ? `${id} is named twice.` : 'Best give just the last part of the path.',
      });
    }
    seen.add(id);
    return [{ id, at: place, input }];
  });
}

function dependenciesOf(
  { dependencies }: GroupInput,
  groupId: string,
  at: string,
  problems: ErrorDetail[],
): readonly string[] | undefined {
  if (!given(dependencies)) return undefined;
  const paths = dependencies.map((each) => resolvePath(each, groupId));
  for (const [index, path] of paths.entries()) {
    if (isWellFormedPath(path)) continue;
    problems.push({
      path: `${at}/dependencies(${index})`,
      errors: [
        path === '/' ? 'must not be root' : `must fully match regular expression '${SEGMENT_PATTERN}'`,
      ],
      code: path === '/' ? 'root' : 'segment',
      hint: 'Name an app or a group; relative paths start at this group.',
    });
  }
  return [...new Set(paths)].sort();
}

/** A version or a factor makes sense for the whole request only. */
function* strangersIn(
  input: GroupInput,
  groupId: string,
  at: string,
  versionOf: VersionOf,
): Iterable<ErrorDetail> {
  if (given(input.version) && input.version !== versionOf(groupId)) {
    const text = 'requirement failed: For a structural update, no version should be given.';
    yield { path: `${at}/version`, errors: [text], code: 'contradiction', hint: 'Leave it out.' };
  }
  if (given(input.scaleBy)) {
    const text = 'requirement failed: For a structural update, no scale should be given.';
    yield {
      path: `${at}/scaleBy`,
      errors: [text],
      code: 'contradiction',
      hint: 'Scale this group by itself.',
    };
  }
}

function given<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function refuse(problems: readonly ErrorDetail[]): void {
  if (problems.length > 0) throw new CatalogError('invalid-object', {}, problems);
}
