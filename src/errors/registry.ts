/**
 * Every error a user can see: one registry, used everywhere, documented in docs/errors.md (a test keeps them in step).
 * `message` may hold `{name}` placeholders, filled from `values`. Texts that Marathon's clients read are Marathon's own
 * (marathon.md 1.2); `hint` is ours: what would be right.
 */
export interface ErrorEntry {
  readonly status: number;
  readonly message: string;
  readonly hint: string;
}

export const errors = {
  'invalid-json-syntax': { status: 400, message: 'Invalid JSON', hint: 'Send a well-formed JSON document.' },
  'empty-body': {
    status: 400,
    message: 'Please specify data in JSON format',
    hint: 'Send a JSON document as the body.',
  },
  'invalid-json': {
    status: 422,
    message: 'Invalid JSON',
    hint: 'See `details`: each names the path and what is wrong there.',
  },
  'invalid-object': {
    status: 422,
    message: 'Object is not valid',
    hint: 'See `details`: each names the path and what is wrong there.',
  },
  unsupported: {
    status: 422,
    message: 'This definition needs what longrun cannot run yet: {what}',
    hint: 'See `details`: each names the path and what to do meanwhile.',
  },
  'invalid-argument': { status: 422, message: '{reason}', hint: '{hint}' },
  'bad-request': { status: 400, message: '{reason}', hint: '{hint}' },
  'app-locked': {
    status: 409,
    message:
      "App is locked by one or more deployments. Override with the option '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'.",
    hint: 'Wait for the deployments named in `deployments`, cancel them, or repeat with ?force=true.',
  },
  'app-exists': {
    status: 409,
    message: 'An app with id [{id}] already exists.',
    hint: 'Use PUT or PATCH /v2/apps{id} to change it.',
  },
  'route-conflict': {
    status: 409,
    message: 'Another app already gets what this asks of the load balancer',
    hint: 'See `details`: each names the other app; --lb-conflicts=warn accepts such apps, and the first one is served.',
  },
  'app-not-found': {
    status: 404,
    message: "App '{id}' does not exist",
    hint: 'GET /v2/apps lists what exists.',
  },
  'app-version-not-found': {
    status: 404,
    message: "App '{id}' does not exist in version {version}",
    hint: 'GET /v2/apps{id}/versions lists its versions.',
  },
  'task-not-found': {
    status: 404,
    message: "Task '{id}' does not exist",
    hint: 'GET /v2/tasks lists what runs.',
  },
  'deployment-not-found': {
    status: 404,
    message: 'DeploymentPlan {id} does not exist',
    hint: 'GET /v2/deployments lists what runs.',
  },
  'queue-entry-not-found': {
    status: 404,
    message: 'Application {id} not found in tasks queue.',
    hint: 'GET /v2/queue lists what waits.',
  },
  'plugin-not-found': {
    status: 404,
    message: 'No plugin with this pluginId: {id}',
    hint: 'longrun loads no plugins; GET /v2/plugins answers an empty list.',
  },
  'path-not-found': {
    status: 404,
    message: "Path '{id}' does not exist",
    hint: 'GET /v2/apps lists what exists.',
  },
  'no-leader': { status: 404, message: 'There is no leader', hint: 'Wait for the election to end.' },
  'too-many-deployments': {
    status: 403,
    message:
      'Max number ({max}) of running deployments is achieved. Wait for existing deployments to complete or cancel one using force=true parameter. You can increase max deployment number by using --max-running-deployments parameter but be advised that this can have negative effects on the performance.',
    hint: 'GET /v2/deployments lists what runs; several apps fit in one deployment with PUT /v2/apps.',
  },
  'service-ports-exhausted': {
    status: 422,
    message: 'All ports in the range [{min}-{max}] are already in use',
    hint: 'Widen --service-ports, or give apps that need no service port `"portDefinitions": []`.',
  },
  'not-found': {
    status: 404,
    message: 'URI not found',
    hint: 'GET /docs shows every route to people, GET /openapi.json to programs.',
  },
  'method-not-allowed': { status: 405, message: 'Method Not Allowed', hint: 'Allowed here: {allow}.' },
  'not-acceptable': { status: 406, message: 'Not Acceptable', hint: 'This resource answers {types}.' },
  'unsupported-media-type': {
    status: 415,
    message: 'Unsupported Media Type',
    hint: 'Send `Content-Type: application/json`.',
  },
  'unsupported-content-encoding': {
    status: 415,
    message: 'Unsupported Media Type',
    hint: 'Send the body as it is, without `Content-Encoding`.',
  },
  'unsupported-patch-type': {
    status: 415,
    message: 'Unsupported Media Type',
    hint: 'Accepted here: {types}.',
  },
  'precondition-failed': {
    status: 412,
    message: 'It is not (any more) what the request expects: {reason}',
    hint: 'Read it again, look at what has changed, and repeat with the ETag in `currentETag`.',
  },
  'body-too-large': {
    status: 413,
    message: 'Request body is larger than {max} bytes',
    hint: 'Send less at a time.',
  },
  'body-too-slow': {
    status: 408,
    message: 'The request body did not arrive in time',
    hint: 'Repeat the request.',
  },
  'pod-not-found': {
    status: 404,
    message: "Pod '{id}' does not exist",
    hint: 'longrun runs no pods yet; GET /v2/apps lists the apps.',
  },
  'group-not-found': {
    status: 404,
    message: "Group '{id}' does not exist",
    hint: 'GET /v2/groups shows what exists.',
  },
  'group-version-not-found': {
    status: 404,
    message: "Group '{id}' does not exist in version {version}",
    hint: 'GET /v2/groups{id}/versions lists the versions kept.',
  },
  'group-exists': {
    status: 409,
    message: 'Group {id} is already created. Use PUT to change this group.',
    hint: 'PUT /v2/groups{id} changes it.',
  },
  'path-is-app': {
    status: 409,
    message: 'An app with the path {id} already exists.',
    hint: 'A path is either an app or a group.',
  },
  'foreign-host': {
    status: 403,
    message: "Host '{host}' is not one of this server's names",
    hint: 'Use the address the server printed at start, or name it with --hostname.',
  },
  'foreign-origin': {
    status: 403,
    message: "Origin '{origin}' may not write here",
    hint: 'Web pages of other origins may write only when the server was started with --access-control-allow-origin naming theirs.',
  },
  unauthenticated: {
    status: 401,
    message: 'This server wants to know who asks',
    hint: 'Send `Authorization: Bearer <token>` or basic credentials; `longrun token create` makes a token.',
  },
  'wrong-credentials': {
    status: 401,
    message: 'The token or the password is not known here',
    hint: 'It may have been revoked; `longrun token list` shows what there is.',
  },
  'token-expired': {
    status: 401,
    message: 'The token has expired',
    hint: 'Make a new one with `longrun token create`.',
  },
  'missing-right': {
    status: 403,
    message: "'{name}' lacks the right '{right}' on {path}",
    hint: 'A token with that grant may do it; an administrator makes one with `longrun token create`.',
  },
  'token-exists': {
    status: 409,
    message: "A token named '{name}' already exists.",
    hint: 'Choose another name, or revoke that one first: longrun token revoke {name}',
  },
  'token-not-found': {
    status: 404,
    message: "Token '{id}' does not exist",
    hint: 'GET /v2/tokens lists the tokens.',
  },
  'too-many-tokens': {
    status: 403,
    message: 'There are {max} tokens already',
    hint: 'Revoke those that nobody uses.',
  },
  'secret-not-found': {
    status: 404,
    message: "Secret '{path}' does not exist",
    hint: 'GET /v2/secrets lists what exists; `longrun secret set {path}` makes it.',
  },
  'secret-in-use': {
    status: 409,
    message: "Secret '{path}' is used by {apps}",
    hint: 'Take it out of their definitions first.',
  },
  'too-many-secrets': {
    status: 403,
    message: 'There is room for {max} secrets of {bytes} bytes altogether, and not for this one',
    hint: 'Remove those that nobody uses.',
  },
  'certificate-not-found': {
    status: 404,
    message: "Certificate '{name}' does not exist",
    hint: 'GET /v2/certificates lists what exists; `longrun certificate add {name}` makes it.',
  },
  'certificate-invalid': {
    status: 422,
    message: 'That is no certificate that can be served: {reason}',
    hint: '`certificate` is PEM text, the certificate itself first and then its chain; `privateKey` is its key in PEM, without a passphrase. Without a key it is taken for certificate authorities of clients.',
  },
  'certificate-in-use': {
    status: 409,
    message: "Certificate '{name}' is used by {apps}",
    hint: 'Take it out of their definitions first.',
  },
  'too-many-certificates': {
    status: 403,
    message: 'There are {max} certificates already',
    hint: 'Remove those that nobody uses.',
  },
  'store-unavailable': {
    status: 503,
    message: 'The store cannot be written right now ({code}): {reason}',
    hint: '{hint}',
  },
  'too-busy': { status: 503, message: 'Too many requests are waiting', hint: 'Repeat a little later.' },
  starting: { status: 503, message: 'The server is still starting', hint: 'Repeat in a moment.' },
  'agent-unreachable': {
    status: 503,
    message: 'The agent of that task cannot be reached: {reason}',
    hint: 'Is the agent running? `longrun status` shows it.',
  },
  'websocket-required': {
    status: 426,
    message: 'This resource speaks WebSocket only',
    hint: 'Use `longrun exec`, or a WebSocket client that offers the protocol longrun.exec.v1.',
  },
  'not-enterable': {
    status: 409,
    message: 'No session in that task: {reason}',
    hint: 'Sessions are possible in running tasks, a few at a time.',
  },
  internal: {
    status: 500,
    message: 'Internal error {incident}',
    hint: 'This is a defect of longrun; the log has the details under that incident id.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errors;

/** One finding of a validation: Marathon's path (`/portDefinitions`, `/apps(0)/id`) and texts, beside it our code and hint. */
export interface ErrorDetail {
  readonly path: string;
  readonly errors: readonly string[];
  readonly code?: string;
  readonly hint?: string;
}

/** An error for a user. Its JSON is `{message, code, hint, details?, ...extra}`. */
export class CatalogError extends Error {
  override readonly name = 'CatalogError';
  readonly status: number;
  readonly hint: string;

  constructor(
    readonly code: ErrorCode,
    readonly values: Readonly<Record<string, string | number>> = {},
    readonly details?: readonly ErrorDetail[] | string,
    readonly extra?: Readonly<Record<string, unknown>>,
  ) {
    const entry: ErrorEntry = errors[code];
    super(fill(entry.message, values));
    this.status = entry.status;
    this.hint = fill(entry.hint, values);
  }

  toJSON(): Record<string, unknown> {
    return {
      message: this.message,
      code: this.code,
      ...(this.hint ? { hint: this.hint } : {}),
      ...(this.details === undefined ? {} : { details: this.details }),
      ...this.extra,
    };
  }
}

function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}
