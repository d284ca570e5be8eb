// For the whole run only (scripts/test.mjs): a test that failed is tried once more, and the summary names it. Among thousands of
// tests with real processes one may meet a machine that stood still; whoever develops runs jest itself, where the first failure counts.
jest.retryTimes(1, { logErrorsBeforeRetry: true });
