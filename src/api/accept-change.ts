import type { Response } from 'express';
import type { AppId, AppRecord } from '../apps/app.js';
import type { Accepted, AcceptOptions } from '../deployments/deployment.js';
import type { ApiContext } from './api-context.js';
import type { Prepare } from './app-changes-port.js';
import { sendJson } from './write-json.js';

/** A change that was accepted, durably, and what it did to the first app that it names. */
export interface AcceptedChange extends Accepted {
  /** Undefined when nothing changed. */
  readonly first:
    | { readonly appId: AppId; readonly before: AppRecord | undefined; readonly after: AppRecord | undefined }
    | undefined;
}

/** Hands a change to the deployments and names the deployment in the answer's head. */
export async function acceptChange(
  context: Pick<ApiContext, 'deployments' | 'registry'>,
  response: Response,
  prepare: Prepare,
  options: AcceptOptions,
): Promise<AcceptedChange> {
  let first: AcceptedChange['first'];
  const accepted = await context.deployments.change((version) => {
    const changes = prepare(version);
    const change = changes[0];
    first = change && { ...change, before: context.registry.get(change.appId) };
    return changes;
  }, options);
  response.setHeader('Marathon-Deployment-Id', accepted.deploymentId);
  return { ...accepted, first };
}

/** `{"version", "deploymentId"}`. */
export function sendDeploymentResult(response: Response, accepted: Accepted, status = 200): void {
  sendJson(response, status, { version: accepted.version, deploymentId: accepted.deploymentId });
}
