import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { errors } from '../../src/errors/registry.js';
import {
  type ContractDocument,
  type ContractOperation,
  isObject,
  type Node,
  readPath,
} from './contract-document.js';

/** An answer of the API as a client sees it. */
export interface SeenAnswer {
  readonly method: string;
  /** As it was asked for, query included. */
  readonly path: string;
  readonly status: number;
  /** By names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  /** Without content coding; undefined when it was not read to its end (streams, torn answers). */
  readonly body: Buffer | undefined;
}

export interface Judgement {
  /** What the contract does not say; empty when it says it all. */
  readonly findings: readonly string[];
  /** `listApps 200`; undefined for what is no operation of the contract. */
  readonly seen: string | undefined;
}

/** Headers of HTTP itself. */
const framing: ReadonlySet<string> = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'transfer-encoding',
]);
const WHOLE = 'openapi';
const PARTLY = 'openapi-partly';
const ERROR = '/components/schemas/Error';
/** Where the document says which headers any answer may have. */
const EVERYWHERE = 'x-headers-of-every-answer';
/** Statuses by which a request is refused before it is looked at which route it means. */
const refusedEarly: ReadonlySet<number> = new Set([400, 401, 403, 415, 503]);
const MAX_TOLD = 5;

/**
 * Holds answers against openapi.yaml: operation, status, headers, media type, shape (nothing may be there that is not
 * written) and error code.
 */
export class ContractChecker {
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #validators = new Map<string, ValidateFunction>();
  readonly #everywhere: ReadonlySet<string>;

  constructor(private readonly document: ContractDocument) {
    this.#ajv.addSchema(document.root, WHOLE);
    this.#ajv.addSchema(withoutRequired(document.root) as object, PARTLY);
    const everywhere = document.root[EVERYWHERE];
    this.#everywhere = new Set(
      Object.keys(isObject(everywhere) ? everywhere : {}).map((name) => name.toLowerCase()),
    );
  }

  judge(answer: SeenAnswer): Judgement {
    const method = answer.method.toLowerCase();
    const known = this.document.pathsOf(answer.path);
    const named = (name: string): readonly ContractOperation[] =>
      known.flatMap((path) =>
        this.document.operations.filter((one) => one.path === path && one.method === name),
      );
    const exact = named(method);
    const fitting = exact.length > 0 ? exact : method === 'head' ? named('get') : [];
    // A path that is written as it stands has no methods of a more general one.
    const operations = answer.status === 405 && fitting[0]?.path !== known[0] ? [] : fitting;
    if (operations.length === 0) return { findings: this.#strange(answer, known), seen: undefined };
    let first: readonly string[] | undefined;
    // `/v2/apps/a/tasks/b` is a task or an app: it is right when it is right as one of them.
    for (const operation of operations) {
      const findings = this.#ofOperation(operation, answer);
      if (findings.length === 0) return { findings, seen: `${operation.operationId} ${answer.status}` };
      first ??= findings;
    }
    // Resources of one fixed path take it only as it is written.
    if (answer.status === 404 && !readPath(answer.path).asWritten)
      return { findings: this.#strange(answer, known), seen: undefined };
    return { findings: first ?? [], seen: undefined };
  }

  /** What the schema at a pointer says against a value; `partly`: the client asked for some members only. */
  shape(pointer: string, value: unknown, partly = false): readonly string[] {
    const key = `${partly ? 'partly ' : ''}${pointer}`;
    let validate = this.#validators.get(key);
    if (!validate) {
      const fragment = pointer.split('/').map(encodeURIComponent).join('/');
      validate = this.#ajv.compile({ $ref: `${partly ? PARTLY : WHOLE}#${fragment}` });
      this.#validators.set(key, validate);
    }
    if (validate(value)) return [];
    return (validate.errors ?? []).slice(0, MAX_TOLD).map(({ instancePath, message, params }) => {
      return `body${instancePath} ${message ?? ''} ${JSON.stringify(params)}`;
    });
  }

  #ofOperation(operation: ContractOperation, answer: SeenAnswer): readonly string[] {
    const response = this.document.membersOf(operation.node, 'responses').get(String(answer.status));
    if (!response) return [`${operation.operationId} is not said to answer ${answer.status}`];
    return [...this.#headers(response, answer), ...this.#body(response, answer)].map(
      (finding) => `${operation.operationId} ${answer.status}: ${finding}`,
    );
  }

  #headers(response: Node, { headers }: SeenAnswer): readonly string[] {
    const said = new Map(
      [...this.document.membersOf(response, 'headers')].map(([name, node]) => [name.toLowerCase(), node]),
    );
    const unsaid = Object.keys(headers).filter(
      (name) => !said.has(name) && !this.#everywhere.has(name) && !framing.has(name),
    );
    const missing = [...said].filter(([name, { value }]) => value['required'] === true && !(name in headers));
    const misshapen = [...said].flatMap(([name, node]) =>
      name in headers
        ? this.shape(`${node.pointer}/schema`, headers[name]).map((text) => `header ${name}: ${text}`)
        : [],
    );
    return [
      ...unsaid.map((name) => `the header ${name} is not written there`),
      ...missing.map(([name]) => `the header ${name} is missing`),
      ...misshapen,
    ];
  }

  #body(response: Node, { method, path, headers, body }: SeenAnswer): readonly string[] {
    const forms = this.document.membersOf(response, 'content');
    if (method === 'HEAD' || body === undefined) return [];
    const type = (headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
    // A stream that was torn is judged by its head only.
    const isStream = type === 'text/event-stream' && forms.has(type);
    if (body.length === 0)
      return forms.size === 0 || isStream || response.value['x-may-be-empty'] === true
        ? []
        : ['the body is empty'];
    const form = forms.get(type);
    if (!form) return [`a body of the type '${type}' is not written there: ${body.toString().slice(0, 200)}`];
    if (type === 'text/event-stream' || type === 'application/octet-stream') return [];
    const value = type === 'application/json' ? parsed(body) : body.toString();
    const shape = this.shape(`${form.pointer}/schema`, value, /[?&]fields=/.test(path));
    return shape.length > 0
      ? [...shape, `in ${body.toString().slice(0, 600)}`]
      : this.#errorCode(response, value);
  }

  #errorCode(response: Node, value: unknown): readonly string[] {
    const codes = response.value['x-error-codes'];
    if (!Array.isArray(codes) || !isObject(value)) return [];
    const absent = value['code'] === undefined && response.value['x-code-may-be-absent'] === true;
    return absent || codes.includes(value['code'])
      ? []
      : [`the error code ${value['code']} is not written there`];
  }

  /** Of what is no operation: OPTIONS with Allow, or a refusal in the form of all errors. */
  #strange({ method, path, status, headers, body }: SeenAnswer, known: readonly string[]): readonly string[] {
    const what = `${method} ${path}: ${status}`;
    if (method === 'OPTIONS' && status < 300) {
      if (known.length === 0 && !path.startsWith('/v2/')) return [`${what} for a path that is not written`];
      return body === undefined || body.length === 0 ? [] : [`${what} has a body`];
    }
    if (status < 400) return [`${what}, though the contract knows no such ${known[0] ? 'method' : 'path'}`];
    if (status === 405 && headers['allow'] === undefined) return [`${what} without the header Allow`];
    if (status !== 405 && status !== 404 && !refusedEarly.has(status)) return [`${what} is an odd refusal`];
    if (method === 'HEAD' || body === undefined) return [];
    const value = parsed(body);
    const shape = this.shape(ERROR, value).map((text) => `${what}: ${text}`);
    if (shape.length > 0 || !isObject(value)) return shape;
    const entry = Object.entries(errors).find(([code]) => code === value['code'])?.[1];
    return entry?.status === status ? [] : [`${what} with the code ${value['code']}`];
  }
}

/** The document as it is when members may be left out: nothing is required. */
function withoutRequired(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutRequired);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(
    ([name, member]) => name !== 'required' || !Array.isArray(member),
  );
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutRequired(member)]));
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
