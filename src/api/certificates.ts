import type { Request, RequestHandler, Response } from 'express';
import type { CertificateInfo } from '../certificates/certificate.js';
import type { Certificates } from '../certificates/certificates.js';
import { CatalogError } from '../errors/registry.js';
import { accessOf } from './middleware/access.js';
import type { JsonBodies } from './middleware/json-body.js';
import { dispatch } from './middleware/methods.js';
import { segmentsOf } from './request-path.js';
import { sendJson } from './write-json.js';

/** `/v2/certificates` and `/v2/certificates/{name}`: what the load balancers speak TLS with; private keys go in and never out. */
export function certificatesRouter(certificates: Certificates, bodies: JsonBodies): RequestHandler {
  return (request, response) => {
    const [name, ...more] = segmentsOf(request);
    if (name === undefined) return dispatch({ GET: () => list(certificates, response) }, request, response);
    if (more.length > 0) throw new CatalogError('certificate-not-found', { name: [name, ...more].join('/') });
    return dispatch(
      {
        GET: () => sendJson(response, 200, present(certificates, certificates.get(name))),
        PUT: () => set(certificates, bodies, name, request, response),
        DELETE: () => remove(certificates, name, response),
      },
      request,
      response,
    );
  };
}

function list(certificates: Certificates, response: Response): void {
  sendJson(response, 200, {
    certificates: certificates.list().map((info) => present(certificates, info)),
    acme: certificates.acme() ?? null,
  });
}

async function set(
  certificates: Certificates,
  bodies: JsonBodies,
  name: string,
  request: Request,
  response: Response,
): Promise<void> {
  const input = readInput(await bodies.read(request));
  const { info, created } = await certificates.set(name, input, accessOf(request).principal.name);
  if (created) response.setHeader('Location', `/v2/certificates/${name}`);
  sendJson(response, created ? 201 : 200, present(certificates, info));
}

async function remove(certificates: Certificates, name: string, response: Response): Promise<void> {
  await certificates.remove(name);
  response.statusCode = 204;
  response.end();
}

function readInput(body: unknown): { readonly certificate: string; readonly privateKey?: string } {
  const { certificate, privateKey } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >;
  if (typeof certificate !== 'string')
    throw new CatalogError('certificate-invalid', { reason: '`certificate` is missing' });
  if (privateKey === undefined || privateKey === null) return { certificate };
  if (typeof privateKey !== 'string')
    throw new CatalogError('certificate-invalid', { reason: '`privateKey` is no text' });
  return { certificate, privateKey };
}

function present(
  certificates: Certificates,
  { notBeforeMs, notAfterMs, ...info }: CertificateInfo,
): Readonly<Record<string, unknown>> {
  return {
    ...info,
    notBefore: new Date(notBeforeMs).toISOString(),
    notAfter: new Date(notAfterMs).toISOString(),
    usedBy: certificates.usedBy(info.name),
  };
}
