import { waitFor as wait } from '../../support/wait-for.js';

/** What one wait may take where real processes, cgroups and namespaces are made beside whatever else keeps the machine busy. */
const PATIENT_MS = 60_000;

// A test is a handful of such waits; one that hangs is told by the wait, which says for what.
jest.setTimeout(240_000);

/** As the common one, with the patience that suites of real processes need. */
export const waitFor: typeof wait = (condition, options = {}) =>
  wait(condition, { timeoutMs: PATIENT_MS, ...options });
