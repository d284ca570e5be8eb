import type { ErrorDetail } from '../../errors/registry.js';
import type { AppInput } from '../app-input.js';

type Finding = readonly [path: string, text: string, hint: string];

const notYet = 'is not supported yet';
const isEmpty = (value: object): boolean => Object.keys(value).length === 0;

/**
 * Fields of Marathon's model that longrun does not carry out yet. Each is accepted at its default, so that an app that
 * was read can be posted again, and refused otherwise: better told than ignored.
 */
export function unsupportedFieldProblems(input: AppInput): readonly ErrorDetail[] {
  return [
    ...scalarFindings(input),
    ...networkFindings(input),
    ...healthCheckFindings(input),
    ...secretFindings(input),
  ].map(([path, text, hint]) => ({ path, errors: [text], code: 'not-supported', hint }));
}

function* scalarFindings(input: AppInput): Iterable<Finding> {
  const absent = [
    'container',
    'ipAddress',
    'executorResources',
    'resourceLimits',
    'check',
    'residency',
  ] as const;
  for (const field of absent) {
    if (input[field]) yield [`/${field}`, notYet, `Leave \`${field}\` out.`];
  }
  for (const field of ['fetch', 'uris'] as const) {
    if (input[field]?.length)
      yield [`/${field}`, notYet, 'Leave it empty; let the command fetch what it needs.'];
  }
  if (input.gpus) yield ['/gpus', notYet, 'Leave it 0.'];
  if (input.tty) yield ['/tty', notYet, 'Leave it false.'];
  if (input.executor && input.executor !== '//cmd') {
    yield ['/executor', notYet, 'Leave it empty: the command executor.'];
  }
}

function* networkFindings(input: AppInput): Iterable<Finding> {
  for (const [index, network] of (input.networks ?? []).entries()) {
    if (network.mode !== 'host') {
      yield [
        `/networks(${index})/mode`,
        notYet,
        'Only host networking for now: `"networks": [{"mode": "host"}]`.',
      ];
    }
  }
}

function* healthCheckFindings(input: AppInput): Iterable<Finding> {
  for (const [index, check] of (input.healthChecks ?? []).entries()) {
    const protocol = check.protocol ?? 'HTTP';
    if (protocol !== 'HTTP' && protocol !== 'HTTPS' && protocol !== 'TCP') {
      yield [`/healthChecks(${index})/protocol`, notYet, 'Use HTTP, HTTPS or TCP.'];
    } else if (check.command) {
      yield [`/healthChecks(${index})/command`, notYet, 'Use HTTP, HTTPS or TCP.'];
    }
    if (check.ipProtocol === 'IPv6')
      yield [`/healthChecks(${index})/ipProtocol`, notYet, 'Leave it out, or IPv4.'];
  }
}

function* secretFindings(input: AppInput): Iterable<Finding> {
  if (input.secrets && !isEmpty(input.secrets)) yield ['/secrets', notYet, 'Leave it empty.'];
  if (input.env && Object.values(input.env).some((value) => typeof value === 'object')) {
    yield [
      '/env',
      'use of secret-references in the environment requires the secrets feature to be enabled',
      'Secrets are not supported yet: give the values as text.',
    ];
  }
}
