/** What runs in the agent's process in tests: a real Agent whose line is this process's channel to its parent. */
export const agentProcess = `
import { Agent } from './embedded-mesos/agent/agent.js';
import { silentLog } from './logging/log.js';
import { SystemClock } from './util/clock.js';
import { SystemDice } from './util/ids.js';

const options = JSON.parse(process.argv[2]);
const crashAt = process.argv[3];
if (crashAt) (await import('./crash-points.js')).arm(crashAt);
let agent;
const line = (handlers) => {
  process.on('message', (message) => {
    if (message.test === 'reset') handlers.onReset();
    else if (!message.test) handlers.onMessage(message);
  });
  setImmediate(() => handlers.onReset());
  return { send: (message) => process.send(message), connected: true, close: () => undefined };
};
process.on('message', async (message) => {
  if (message.test !== 'stop') return;
  await agent.stop(message.how);
  process.send({ type: 'TEST-STOPPED' }, () => process.exit(0));
});
process.on('disconnect', () => process.exit(1));
const { token, ...scripts } = options.inside;
const inside = { ...scripts, token: () => token };
agent = new Agent({ ...options, inside, line, clock: new SystemClock(), dice: new SystemDice(), log: silentLog });
try {
  await agent.start();
  process.send({ type: 'TEST-STARTED', url: agent.url });
} catch (error) {
  process.send({ type: 'TEST-REFUSED', message: error.message }, () => process.exit(2));
}
`;
