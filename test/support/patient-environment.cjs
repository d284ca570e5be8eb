// Jest's node environment whose limits of tests and hooks are TEST_PATIENCE times as long, like the waits within them
// (wait-for.ts): a busy host makes everything take longer, and a limit is there to end what hangs, not to measure.
const { TestEnvironment } = require('jest-environment-node');

const patience = Number(process.env.TEST_PATIENCE ?? 1);

module.exports = class PatientEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    this.stretched = new WeakSet();
  }

  handleTestEvent(event, state) {
    if (event.name === 'run_start') state.testTimeout *= patience;
    else if (event.name === 'hook_start') this.stretch(event.hook);
    else if (event.name === 'test_fn_start') this.stretch(event.test);
  }

  /** A beforeEach is started once for each test. */
  stretch(limited) {
    if (!limited.timeout || this.stretched.has(limited)) return;
    this.stretched.add(limited);
    limited.timeout *= patience;
  }
};
