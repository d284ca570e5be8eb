import { Ajv2020 } from 'ajv/dist/2020.js';
import { contractJson } from '../../support/contract-json.js';

const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addSchema(contractJson() as object, 'openapi');

/** Fails unless `value` is what openapi.yaml says about schema `name`. */
export function expectContract(name: string, value: unknown): void {
  const validate = ajv.getSchema(`openapi#/components/schemas/${name}`);
  if (!validate) throw new Error(`openapi.yaml has no schema ${name}`);
  validate(value);
  expect(validate.errors ?? []).toEqual([]);
}
