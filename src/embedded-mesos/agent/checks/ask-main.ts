/**
 * Asks one endpoint of the network that it is started in, and prints what came of it as JSON.
 * usage: node ask-main.js <probe as JSON> <timeout ms, 0 = none>
 */
import type { CheckProbe } from '../decide/check-plan.js';
import { askEndpoint } from './ask-endpoint.js';

const [probe = '', timeoutMs = '0'] = process.argv.slice(2);
const limitMs = Number(timeoutMs) > 0 ? Number(timeoutMs) : Number.POSITIVE_INFINITY;
const asked = JSON.parse(probe) as Extract<CheckProbe, { type: 'HTTP' | 'TCP' }>;
process.stdout.write(JSON.stringify(await askEndpoint(asked, limitMs)));
