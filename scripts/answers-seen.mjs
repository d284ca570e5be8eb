// Which operations and statuses of openapi.yaml the tests were ever answered: they note them in the folder that
// CONTRACT_ANSWERS_SEEN names. Run by itself (`node scripts/answers-seen.mjs FOLDER`) it lists what no test has seen.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Refusals that are the same code for every route; one test of each is enough. */
const common = new Set(['401', '403', '406', '408', '413', '415', '500', '503']);

/** @param {string} folder @returns what was seen of how much, and `operation status` of what never was */
export function answersSeen(folder) {
  const { paths } = parse(readFileSync(join(root, 'openapi.yaml'), 'utf8'));
  const said = Object.values(paths).flatMap((item) =>
    Object.values(item).flatMap((operation) =>
      operation.operationId === undefined
        ? []
        : Object.keys(operation.responses).map((status) => `${operation.operationId} ${status}`),
    ),
  );
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const seen = new Set(files.flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n')));
  const never = said.filter((answer) => !seen.has(answer));
  return {
    said: said.length,
    seen: said.length - never.length,
    never: never.filter((answer) => !common.has(answer.slice(-3))),
    neverCommon: never.filter((answer) => common.has(answer.slice(-3))),
  };
}

/** @param {string} folder @returns {string} the report in a few lines */
export function answersSeenText(folder) {
  const { said, seen, never, neverCommon } = answersSeen(folder);
  const list = never.length === 0 ? '' : `\nnever seen: ${never.join(', ')}`;
  return `${seen} of ${said} operations and statuses of openapi.yaml were seen${list}\n(and ${neverCommon.length} of those that are refused alike everywhere: ${[...common].join(' ')})`;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.stdout.write(`${answersSeenText(process.argv[2] ?? process.env.CONTRACT_ANSWERS_SEEN ?? '')}\n`);
