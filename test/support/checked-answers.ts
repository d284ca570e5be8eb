import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ContractChecker, type SeenAnswer } from './contract-checker.js';
import { readContractDocument } from './contract-document.js';

let checker: ContractChecker | undefined;
const told = new Set<string>();

/**
 * What the contract does not say about an answer. What was seen is noted for the report of answers that no test ever
 * gets, when CONTRACT_ANSWERS_SEEN names a folder for that.
 */
export function judgeAnswer(answer: SeenAnswer): readonly string[] {
  if (process.env['ANSWERS_UNCHECKED']) return [];
  checker ??= new ContractChecker(readContractDocument());
  const { findings, seen } = checker.judge(answer);
  if (seen !== undefined) note(seen);
  return findings;
}

/** Fails when the contract does not say it. */
export function expectContractAnswer(answer: SeenAnswer): void {
  const findings = judgeAnswer(answer);
  if (findings.length > 0) throw new Error(violationText(answer, findings));
}

export function violationText({ method, path }: SeenAnswer, findings: readonly string[]): string {
  return `openapi.yaml does not say what ${method} ${path} was answered:\n  ${findings.join('\n  ')}`;
}

/** The headers of fetch or of node:http as one text each. */
export function headerTexts(
  headers: Headers | Readonly<Record<string, number | string | readonly string[] | undefined>>,
): Readonly<Record<string, string>> {
  const pairs = headers instanceof Headers ? [...headers] : Object.entries(headers);
  return Object.fromEntries(
    pairs.flatMap(([name, value]) =>
      value === undefined
        ? []
        : [[name.toLowerCase(), Array.isArray(value) ? value.join(', ') : String(value)]],
    ),
  );
}

function note(seen: string): void {
  const folder = process.env['CONTRACT_ANSWERS_SEEN'];
  if (folder === undefined || told.has(seen)) return;
  told.add(seen);
  mkdirSync(folder, { recursive: true });
  appendFileSync(join(folder, `${process.pid}.txt`), `${seen}\n`);
}
