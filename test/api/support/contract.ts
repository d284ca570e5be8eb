import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { packageRoot } from '../../support/package-root.js';

const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addSchema(parse(readFileSync(join(packageRoot(), 'openapi.yaml'), 'utf8')) as object, 'openapi');

/** Fails unless `value` is what openapi.yaml says about schema `name`. */
export function expectContract(name: string, value: unknown): void {
  const validate = ajv.getSchema(`openapi#/components/schemas/${name}`);
  if (!validate) throw new Error(`openapi.yaml has no schema ${name}`);
  validate(value);
  expect(validate.errors ?? []).toEqual([]);
}
