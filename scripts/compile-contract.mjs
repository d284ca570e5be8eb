// Writes dist/api/contract/openapi.json, which is served, and compiled-contract.js: openapi.yaml as a value, and the validators of the shapes that requests
// wait for as plain code. Reading the YAML and compiling these takes a server more than a second; this takes milliseconds.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import standaloneCode from 'ajv/dist/standalone/index.js';
import { parse } from 'yaml';

/** @param {string} root the package's folder; dist/ has been built */
export async function compileContract(root) {
  const folder = join(root, 'dist', 'api', 'contract');
  const { DOCUMENT, hotShapes, newAjv } = await import(join(folder, 'load-contract.js'));
  const document = parse(readFileSync(join(root, 'openapi.yaml'), 'utf8'));
  const ajv = newAjv(document.components, { allErrors: false, standalone: true });
  for (const name of hotShapes) ajv.addSchema({ $id: name, $ref: `${DOCUMENT}#/components/schemas/${name}` });
  const code = standaloneCode.default(ajv, Object.fromEntries(hotShapes.map((name) => [name, name])));
  const text = [
    "import { createRequire } from 'node:module';",
    'const require = createRequire(import.meta.url);',
    code.replace(/^"use strict";/, ''),
    `export const document = JSON.parse(${JSON.stringify(JSON.stringify(document))});`,
  ].join('\n');
  writeFileSync(join(folder, 'compiled-contract.js'), `${text}\n`);
  writeFileSync(join(folder, 'openapi.json'), JSON.stringify(document));
}
