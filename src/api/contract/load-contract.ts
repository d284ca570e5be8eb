import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { CatalogError, type ErrorDetail } from '../../errors/registry.js';
import { shapeDetails } from './shape-errors.js';
import type { components } from './types.gen.js';

export type Schemas = components['schemas'];
export type SchemaName = keyof Schemas;

/** One route of the contract: `GET`, `/v2/apps/{appId}`, `getApp`. */
export interface ContractRoute {
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
}

/** A body with more JSON values than this is told its first finding only: listing all would cost more than it helps. */
const MAX_VALUES_FOR_ALL_FINDINGS = 20_000;
/** The name under which the contract's schemas refer to each other. */
export const DOCUMENT = 'openapi';
/** The shapes of requests that somebody waits for: the build compiles their validators ahead. */
export const hotShapes = [
  'AppInput',
  'AppUpdate',
  'AppInputList',
  'AppUpdateList',
  'GroupUpdate',
] as const satisfies readonly SchemaName[];
const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const;

/** The shapes of the API, as openapi.yaml gives them. Validators are compiled when first used. */
export class Contract {
  readonly routes: readonly ContractRoute[];
  readonly #fast: Ajv2020;
  readonly #thorough: Ajv2020;
  readonly #compiled = new Map<string, ValidateFunction>();
  readonly #members = new Map<SchemaName, ReadonlySet<string>>();
  readonly #shapes: object;

  /** `document`: the parsed YAML; `compiled`: validators made ahead, by the name of the shape. */
  constructor(document: unknown, compiled: Readonly<Partial<Record<SchemaName, ValidateFunction>>> = {}) {
    const { paths, components: shapes } = readDocument(document);
    this.#shapes = shapes;
    this.routes = Object.entries(paths).flatMap(([path, item]) =>
      methods.flatMap((method) => {
        const operationId = item[method]?.operationId;
        return operationId === undefined ? [] : [{ method: method.toUpperCase(), path, operationId }];
      }),
    );
    // The build has checked what it compiled; once more would cost each start a third of a second.
    const isChecked = Object.keys(compiled).length > 0;
    this.#fast = newAjv(shapes, { allErrors: false, isChecked });
    this.#thorough = newAjv(shapes, { allErrors: true, isChecked });
    for (const [name, validator] of Object.entries(compiled)) this.#compiled.set(`fast ${name}`, validator);
  }

  /**
   * `body` as the named shape. Throws CatalogError `invalid-json` (422) with Marathon's paths and texts when it is not.
   * The value itself is returned, unknown members included.
   */
  read<Name extends SchemaName>(name: Name, body: unknown): Schemas[Name] {
    const details = this.check(name, body);
    if (details.length > 0) throw new CatalogError('invalid-json', {}, details);
    return body as Schemas[Name];
  }

  /** What is wrong with the shape of `body`; empty when nothing is. */
  check(name: SchemaName, body: unknown): readonly ErrorDetail[] {
    const fast = this.#validator(name, this.#fast, 'fast');
    if (fast(body)) return [];
    if (holdsMoreValuesThan(body, MAX_VALUES_FOR_ALL_FINDINGS)) return shapeDetails(fast.errors ?? [], body);
    const thorough = this.#validator(name, this.#thorough, 'thorough');
    thorough(body);
    return shapeDetails(thorough.errors ?? [], body);
  }

  /** Names of the members that an object of that shape may have by the contract, itself and what it is composed of. */
  membersOf(name: SchemaName): ReadonlySet<string> {
    const known = this.#members.get(name);
    if (known) return known;
    const { schemas = {} } = this.#shapes as { readonly schemas?: Readonly<Record<string, ComposedShape>> };
    const members = new Set(memberNames({ $ref: `#/components/schemas/${name}` }, schemas));
    this.#members.set(name, members);
    return members;
  }

  #validator(name: SchemaName, ajv: Ajv2020, kind: string): ValidateFunction {
    const key = `${kind} ${name}`;
    let validator = this.#compiled.get(key);
    if (!validator) {
      validator = ajv.compile({ $ref: `${DOCUMENT}#/components/schemas/${name}` });
      this.#compiled.set(key, validator);
    }
    return validator;
  }
}

interface ComposedShape {
  readonly $ref?: string;
  readonly properties?: object;
  readonly allOf?: readonly ComposedShape[];
}

function* memberNames(
  { $ref, properties = {}, allOf = [] }: ComposedShape,
  schemas: Readonly<Record<string, ComposedShape>>,
): Generator<string> {
  yield* Object.keys(properties);
  for (const part of allOf) yield* memberNames(part, schemas);
  const named = $ref === undefined ? undefined : schemas[$ref.split('/').at(-1) ?? ''];
  if (named) yield* memberNames(named, schemas);
}

/** What the build makes of the contract (scripts/compile-contract.mjs). */
type CompiledContract = { readonly document: unknown } & Readonly<
  Record<(typeof hotShapes)[number], ValidateFunction>
>;

/**
 * Reads the contract: from the module that the build made of it when that is named, else from the YAML. Rejects with what is
 * wrong with the file, naming it.
 */
export async function loadContract(file: string, compiledModule?: string): Promise<Contract> {
  try {
    if (compiledModule === undefined) return new Contract(parse(await readFile(file, 'utf8')));
    const { document, ...validators } = (await import(
      pathToFileURL(compiledModule).href
    )) as CompiledContract;
    return new Contract(document, validators);
  } catch (error) {
    throw new Error(`cannot read the API contract ${compiledModule ?? file}`, { cause: error });
  }
}

/**
 * A compiler that knows the contract's schemas; the build uses it too. `standalone`: what it compiles can be written down as
 * a module; `isChecked`: the schemas are known to be such.
 */
export function newAjv(
  shapes: object,
  {
    allErrors,
    standalone = false,
    isChecked = false,
  }: { readonly allErrors: boolean; readonly standalone?: boolean; readonly isChecked?: boolean },
): Ajv2020 {
  // `verbose` hands over the offending values, which the texts quote; `default` only documents and fills nothing in.
  const ajv = new Ajv2020({
    allErrors,
    verbose: true,
    allowUnionTypes: true,
    strictTypes: false,
    strictRequired: false,
    validateSchema: !isChecked,
    ...(standalone && { code: { source: true, esm: true } }),
  });
  ajv.addVocabulary(['components']);
  ajv.addSchema({ components: shapes }, DOCUMENT);
  return ajv;
}

type Operation = { readonly operationId?: string };
type PathItem = Readonly<Partial<Record<(typeof methods)[number], Operation>>>;

function readDocument(document: unknown): { paths: Readonly<Record<string, PathItem>>; components: object } {
  if (typeof document === 'object' && document !== null && 'paths' in document && 'components' in document) {
    const { paths, components: shapes } = document;
    if (typeof paths === 'object' && paths !== null && typeof shapes === 'object' && shapes !== null) {
      return { paths: paths as Readonly<Record<string, PathItem>>, components: shapes };
    }
  }
  throw new Error('no OpenAPI document: `paths` or `components` is missing');
}

/** Counts values without recursion, so that no depth of nesting is a danger, and stops at `limit`. */
function holdsMoreValuesThan(value: unknown, limit: number): boolean {
  const open: unknown[] = [value];
  let count = 0;
  while (open.length > 0) {
    const next = open.pop();
    if (++count > limit) return true;
    if (typeof next !== 'object' || next === null) continue;
    for (const key in next) {
      open.push((next as Record<string, unknown>)[key]);
      if (open.length > limit) return true;
    }
  }
  return false;
}
