// What a run of jest says about a sabotage. Pure: everything is input.
import { stripVTControlCharacters } from 'node:util';

/** What jest says of a test or hook that did not end. */
const timeLimit = /Exceeded timeout of [\d_,]+ ms/;

/** Longest reason that is shown in the table. */
const MAX_REASON = 160;

function firstLine(text) {
  return stripVTControlCharacters(text)
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .join(' ')
    .slice(0, MAX_REASON);
}

/**
 * The verdict on one sabotage.
 *
 * RED: the named test began, and failed by itself. GREEN: it passed although the product is broken. NO RESULT: nothing
 * was proven; the suite did not come to the test, or ran out of time.
 *
 * @param name the test's full name, or a part of it that several rows of one `it.each` share
 * @param tests ended tests: `{name, began, failures: [message]}`
 * @param end how jest ended: `{timedOutMs?, complaints}`
 */
export function judge(name, tests, end) {
  const named = tests.filter((test) => test.name.includes(name));
  const failed = named.filter(({ failures }) => failures.length > 0);
  const itself = failed.find(({ began, failures }) => began && failures.some((why) => !timeLimit.test(why)));
  if (itself)
    return { verdict: 'RED', detail: firstLine(itself.failures.find((why) => !timeLimit.test(why))) };
  const unprepared = failed.find(({ began }) => !began);
  if (unprepared)
    return {
      verdict: 'NO RESULT',
      detail: `what comes before the test failed: ${firstLine(unprepared.failures[0])}`,
    };
  if (failed.length > 0)
    return { verdict: 'NO RESULT', detail: `the test hung: ${firstLine(failed[0].failures[0])}` };
  if (end.timedOutMs !== undefined)
    return { verdict: 'NO RESULT', detail: `jest had not ended after ${end.timedOutMs / 1_000} s` };
  if (named.length > 0) return { verdict: 'GREEN', detail: 'the test passes with the broken product' };
  return {
    verdict: 'NO RESULT',
    detail: `no such test, or its suite did not run: ${firstLine(end.complaints)}`,
  };
}

/** Whether an unbroken product passes the named test; else what is wrong, as a NO RESULT. */
export function judgeUnbroken(name, tests, end) {
  const { verdict, detail } = judge(name, tests, end);
  if (verdict === 'GREEN') return undefined;
  return {
    verdict: 'NO RESULT',
    detail: verdict === 'RED' ? `fails without the patch too: ${detail}` : detail,
  };
}
