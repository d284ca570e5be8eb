import { leftOut } from './docker-programs.js';

if (leftOut !== undefined) console.info(`skipped: ${leftOut}`);

/** Suites that need a real Docker engine; left out, and said so, where there can be none. */
export const describeWithDocker = leftOut === undefined ? describe : describe.skip;
