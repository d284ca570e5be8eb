// Jest's node environment that also writes down how each test ended, and whether it failed itself or never began because
// what was prepared for it failed. Each line of SABOTAGE_EVENTS is one ended test, so that a suite that hangs or dies
// afterwards takes nothing of it away.
const { appendFileSync } = require('node:fs');
const { TestEnvironment } = require('jest-environment-node');

const ROOT_BLOCK = 'ROOT_DESCRIBE_BLOCK';
const LONGEST_MESSAGE = 400;

function fullName(test) {
  const names = [];
  for (let block = test; block && block.name !== ROOT_BLOCK; block = block.parent) names.unshift(block.name);
  return names.join(' ');
}

/** Jest keeps an error alone or beside the one it makes for the place of the test. */
function messageOf(error) {
  const thrown = Array.isArray(error) ? (error[0] ?? error[1]) : error;
  return String(thrown?.message ?? thrown).slice(0, LONGEST_MESSAGE);
}

module.exports = class SabotageEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    this.file = context.testPath;
    this.began = new WeakSet();
  }

  handleTestEvent(event) {
    // A test whose beforeAll or beforeEach failed has errors already here, and jest does not run it.
    if (event.name === 'test_fn_start' && event.test.errors.length === 0) this.began.add(event.test);
    else if (event.name === 'test_done') this.tell(event.test);
  }

  tell(test) {
    const line = {
      file: this.file,
      name: fullName(test),
      began: this.began.has(test),
      failures: test.errors.map(messageOf),
    };
    appendFileSync(process.env.SABOTAGE_EVENTS, `${JSON.stringify(line)}\n`);
  }
};
