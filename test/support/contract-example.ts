import { type ContractDocument, isObject, type Json } from './contract-document.js';

/** The example of a body as the pages of `/docs` show it: its own, its shape's, or made of those of its parts. */
export function exampleOf(document: ContractDocument, media: Json): unknown {
  if (media['example'] !== undefined) return media['example'];
  return ofShape(document, isObject(media['schema']) ? media['schema'] : {});
}

function ofShape(document: ContractDocument, schema: Json): unknown {
  const { value } = document.follow({ pointer: '', value: schema });
  const [example] = (value['examples'] ?? []) as readonly unknown[];
  if (example !== undefined) return example;
  if (value['const'] !== undefined) return value['const'];
  const options = (value['oneOf'] ?? value['anyOf'] ?? []) as readonly Json[];
  if (options[0]) return ofShape(document, options[0]);
  const { items } = value;
  const item = isObject(items) ? ofShape(document, items) : undefined;
  return item === undefined ? undefined : [item];
}
