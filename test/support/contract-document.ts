import { pathSegments } from '../../src/api/decide/app-route.js';
import { contractJson } from './contract-json.js';

const contractMethods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const;
type ContractMethod = (typeof contractMethods)[number];

export type Json = Readonly<Record<string, unknown>>;

/** A node of the document and the JSON pointer where it stands, references followed. */
export interface Node {
  readonly pointer: string;
  readonly value: Json;
}

/** One operation of the document: `get` of `/v2/apps/{appId}`. */
export interface ContractOperation {
  readonly operationId: string;
  readonly method: ContractMethod;
  readonly path: string;
  readonly node: Node;
}

/** These stand for one or more segments: an id is a path. */
const paths: ReadonlySet<string> = new Set(['appId', 'groupId', 'podId', 'secretPath']);

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** openapi.yaml as tests look at it. */
export class ContractDocument {
  readonly operations: readonly ContractOperation[];
  readonly #templates: readonly { readonly path: string; readonly form: RegExp }[];

  constructor(readonly root: Json) {
    const items = Object.entries(asObject(root['paths']));
    this.operations = items.flatMap(([path, item]) =>
      contractMethods.flatMap((method) => {
        const value = asObject(item)[method];
        if (!isObject(value)) return [];
        const node = { pointer: pointerOf('paths', path, method), value };
        return [{ operationId: String(value['operationId']), method, path, node }];
      }),
    );
    this.#templates = items
      .map(([path]) => ({ path, form: formOf(path) }))
      .sort((a, b) => literalLength(b.path) - literalLength(a.path));
  }

  /** The templates that a request's path fits, the most literal one first. */
  pathsOf(requestPath: string): readonly string[] {
    const { bare } = readPath(requestPath);
    return this.#templates.filter(({ form }) => form.test(bare)).map((template) => template.path);
  }

  /** The members of an object of the document, each with its pointer and its reference followed. */
  membersOf(node: Node, member: string): ReadonlyMap<string, Node> {
    return new Map(
      Object.entries(asObject(node.value[member])).map(([name, value]) => [
        name,
        this.follow({ pointer: node.pointer + pointerOf(member, name), value: asObject(value) }),
      ]),
    );
  }

  follow(node: Node): Node {
    const reference = node.value['$ref'];
    return typeof reference === 'string' ? this.follow(this.at(reference.slice(1))) : node;
  }

  /** The node at a JSON pointer, e.g. `/components/schemas/App`. */
  at(pointer: string): Node {
    const steps = pointer.split('/').slice(1).map(unescaped);
    const value = steps.reduce<unknown>((part, step) => asObject(part)[step], this.root);
    if (!isObject(value)) throw new Error(`openapi.yaml has nothing at ${pointer}`);
    return { pointer, value };
  }
}

/** The contract that lies in the package. */
export function readContractDocument(): ContractDocument {
  return new ContractDocument(contractJson() as Json);
}

/** A path without query, dots and doubled slashes; `asWritten`: it had none of these. */
export function readPath(requestPath: string): { readonly bare: string; readonly asWritten: boolean } {
  const path = requestPath.split(/[?#]/)[0] ?? '';
  const [, mount = '', tail] = /^(\/v2\/[^/]+|\/[^/]+)(.*)$/.exec(path) ?? [];
  const segments = tail === undefined ? undefined : pathSegments(tail);
  const bare = segments === undefined ? path : [mount, ...segments].join('/');
  return { bare, asWritten: path === bare || path === `${bare}/` };
}

export function pointerOf(...steps: readonly string[]): string {
  return steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

const unescaped = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~');

function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function literalLength(path: string): number {
  return path.replace(/\{\w+\}/g, '').length;
}

function formOf(path: string): RegExp {
  const source = path
    .split(/(\{\w+\})/)
    .map((part) => {
      const name = /^\{(\w+)\}$/.exec(part)?.[1];
      if (name === undefined) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      return paths.has(name) ? '.+' : '[^/]+';
    })
    .join('');
  return new RegExp(`^${source}$`);
}
