import type { Right } from '../../auth/principal.js';

/**
 * What a right has to be given on:
 * - `nothing`: the route is open to everybody;
 * - `self`: whoever says who they are may;
 * - `root`: the right on `/`;
 * - `path`: the right on the app or group that the path names;
 * - `task`: the right on the app whose task the path names;
 * - `listed`: the right somewhere below what the path names (or anywhere); the answer is filtered by it;
 * - `changed`: the right somewhere below; what is really changed is checked, app by app, when that is known.
 */
export type Scope = 'nothing' | 'self' | 'root' | 'path' | 'task' | 'listed' | 'changed';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface AccessRow {
  readonly method: Method;
  /** `{+name}` stands for one or more segments, `{name}` for one, `{*name}` for any number. A pod's id ends before `::`. */
  readonly pattern: string;
  readonly right: Right;
  readonly scope: Scope;
}

const row = (method: Method, pattern: string, right: Right, scope: Scope): AccessRow => ({
  method,
  pattern,
  right,
  scope,
});

/**
 * Who may do what: one row per route. HEAD counts as GET, OPTIONS is open. A route without a row exists for nobody but
 * administrators. More special patterns stand before more general ones.
 */
export const accessTable: readonly AccessRow[] = [
  row('GET', '/ping', 'view', 'nothing'),
  row('GET', '/', 'view', 'nothing'),
  row('GET', '/openapi.json', 'view', 'nothing'),
  row('GET', '/openapi.yaml', 'view', 'nothing'),
  row('GET', '/docs/{*file}', 'view', 'nothing'),
  row('GET', '/metrics/prometheus', 'view', 'root'),
  row('GET', '/metrics', 'view', 'root'),
  row('GET', '/config', 'admin', 'root'),
  row('GET', '/logging', 'admin', 'root'),
  row('POST', '/logging', 'admin', 'root'),
  row('PUT', '/logging', 'admin', 'root'),

  row('GET', '/v2/apps', 'view', 'listed'),
  row('POST', '/v2/apps', 'deploy', 'changed'),
  row('PUT', '/v2/apps', 'deploy', 'changed'),
  row('PATCH', '/v2/apps', 'deploy', 'changed'),
  row('GET', '/v2/apps/{*groupId}/*/tasks', 'view', 'listed'),
  row('GET', '/v2/apps/{*groupId}/*', 'view', 'listed'),
  row('POST', '/v2/apps/{+appId}/restart', 'deploy', 'path'),
  row('DELETE', '/v2/apps/{+appId}/restart', 'deploy', 'path'),
  row('GET', '/v2/apps/{+appId}/tasks', 'view', 'path'),
  row('DELETE', '/v2/apps/{+appId}/tasks', 'deploy', 'path'),
  row('DELETE', '/v2/apps/{+appId}/tasks/{taskId}', 'deploy', 'path'),
  row('GET', '/v2/apps/{+appId}/history', 'view', 'path'),
  row('GET', '/v2/apps/{+appId}/usage', 'view', 'path'),
  row('GET', '/v2/apps/{+appId}/traffic', 'view', 'path'),
  row('GET', '/v2/apps/{+appId}/versions', 'view', 'path'),
  row('GET', '/v2/apps/{+appId}/versions/{version}', 'view', 'path'),
  row('GET', '/v2/apps/{+appId}', 'view', 'path'),
  row('PUT', '/v2/apps/{+appId}', 'deploy', 'path'),
  row('PATCH', '/v2/apps/{+appId}', 'deploy', 'path'),
  row('DELETE', '/v2/apps/{+appId}', 'deploy', 'path'),

  row('GET', '/v2/groups', 'view', 'listed'),
  row('POST', '/v2/groups', 'deploy', 'changed'),
  row('PUT', '/v2/groups', 'deploy', 'changed'),
  row('PATCH', '/v2/groups', 'deploy', 'root'),
  row('DELETE', '/v2/groups', 'deploy', 'root'),
  row('GET', '/v2/groups/versions', 'view', 'root'),
  row('GET', '/v2/groups/versions/{version}', 'view', 'root'),
  row('GET', '/v2/groups/apps', 'view', 'listed'),
  row('GET', '/v2/groups/{+groupId}/versions', 'view', 'path'),
  row('GET', '/v2/groups/{+groupId}/versions/{version}', 'view', 'path'),
  row('GET', '/v2/groups/{+groupId}/apps', 'view', 'listed'),
  row('GET', '/v2/groups/{+groupId}', 'view', 'listed'),
  row('POST', '/v2/groups/{+groupId}', 'deploy', 'changed'),
  row('PUT', '/v2/groups/{+groupId}', 'deploy', 'changed'),
  row('PATCH', '/v2/groups/{+groupId}', 'deploy', 'path'),
  row('DELETE', '/v2/groups/{+groupId}', 'deploy', 'path'),

  row('GET', '/v2/pods', 'view', 'listed'),
  row('POST', '/v2/pods', 'deploy', 'changed'),
  row('GET', '/v2/pods/::status', 'view', 'listed'),
  row('GET', '/v2/pods/{+podId}', 'view', 'path'),
  row('PUT', '/v2/pods/{+podId}', 'deploy', 'path'),
  row('DELETE', '/v2/pods/{+podId}', 'deploy', 'path'),

  row('GET', '/v2/tasks', 'view', 'listed'),
  row('POST', '/v2/tasks/delete', 'deploy', 'changed'),
  row('GET', '/v2/tasks/{taskId}/exec', 'exec', 'task'),
  row('GET', '/v2/deployments', 'view', 'listed'),
  row('GET', '/v2/deployments/{deploymentId}', 'view', 'listed'),
  row('DELETE', '/v2/deployments/{deploymentId}', 'deploy', 'changed'),
  row('GET', '/v2/queue', 'view', 'listed'),
  row('DELETE', '/v2/queue/{+appId}/delay', 'deploy', 'path'),
  row('GET', '/v2/events', 'view', 'listed'),
  row('GET', '/v2/discovery', 'view', 'listed'),
  row('GET', '/v2/files/{taskId}/read', 'view', 'task'),
  row('GET', '/v2/files/{taskId}/browse', 'view', 'task'),
  row('GET', '/v2/files/{taskId}/download', 'view', 'task'),

  row('GET', '/v2/info', 'view', 'self'),
  row('GET', '/v2/plugins', 'view', 'self'),
  row('GET', '/v2/leader', 'view', 'self'),
  row('DELETE', '/v2/leader', 'admin', 'root'),
  row('GET', '/v2/tokens', 'admin', 'root'),
  row('POST', '/v2/tokens', 'admin', 'root'),
  row('DELETE', '/v2/tokens/{tokenId}', 'admin', 'root'),
  row('GET', '/v2/certificates', 'admin', 'root'),
  row('GET', '/v2/certificates/{certificateName}', 'admin', 'root'),
  row('PUT', '/v2/certificates/{certificateName}', 'admin', 'root'),
  row('DELETE', '/v2/certificates/{certificateName}', 'admin', 'root'),
  row('GET', '/v2/secrets', 'view', 'listed'),
  row('GET', '/v2/secrets/{+secretPath}', 'view', 'path'),
  row('PUT', '/v2/secrets/{+secretPath}', 'deploy', 'path'),
  row('DELETE', '/v2/secrets/{+secretPath}', 'deploy', 'path'),
  row('GET', '/v2/secret-key', 'admin', 'root'),
  row('POST', '/v2/secret-key', 'admin', 'root'),
  row('GET', '/v2/audit', 'admin', 'root'),
];
