/**
 * Moments of a task's life at which the agent's process of a test may be made to die: by SIGKILL, at exactly that point of the real
 * code and nowhere near it. The list is F2 of the faults that this system has to survive; the first words say the moment.
 */
export const launchPoints = [
  'the offer was accepted',
  'the task was written down',
  'the sandbox was made',
  'its groups had their limits',
  'its script was written',
  'the launcher was asked',
  'its orders were given',
  'its pid was known',
  'its pid was written down',
  'RUNNING was sent',
  'RUNNING was acknowledged',
] as const;

/** Those of a task's end. */
export const endPoints = [
  'the kill was asked for',
  'the kill was written down',
  'SIGTERM was sent',
  'it was reaped',
  'its end was written down',
  'its end was sent',
  'its end was acknowledged',
  'it was forgotten',
] as const;

/** The same of a task with an image. */
export const engineLaunchPoints = [
  'the offer was accepted',
  'the task was written down',
  'the sandbox was made',
  'the engine had made the container',
  'its start was written down',
  'the engine had started the container',
  'its pid was known',
  'its pid was written down',
  'RUNNING was sent',
  'RUNNING was acknowledged',
] as const;

export const engineEndPoints = [
  'the kill was asked for',
  'the kill was written down',
  'the engine had sent SIGTERM',
  'it was reaped',
  'its end was written down',
  'its end was sent',
  'its end was acknowledged',
  'it was forgotten',
] as const;

export type CrashPoint =
  | (typeof launchPoints)[number]
  | (typeof endPoints)[number]
  | (typeof engineLaunchPoints)[number]
  | (typeof engineEndPoints)[number];

/**
 * What the test's agent process loads to be made to die: it wraps what the agent calls at that moment. Nothing of it is in the
 * product, which knows no such thing.
 */
export const crashPointsProcess = `
import fs from 'node:fs';
import net from 'node:net';
import { syncBuiltinESMExports } from 'node:module';
import { CheckpointLog } from './embedded-mesos/agent/checkpoint-log.js';
import { TaskDesk } from './embedded-mesos/agent/task-desk.js';
import { Engine } from './embedded-mesos/containers/docker/engine.js';

const kill = process.kill.bind(process);
const die = () => kill(process.pid, 'SIGKILL');
const wrap = (target, name, when, moment) => {
  const was = target[name];
  target[name] = function (...args) {
    const meant = when.apply(this, args);
    if (meant && moment === 'before') die();
    const result = was.apply(this, args);
    if (!meant || moment === 'before') return result;
    if (!(result instanceof Promise)) die();
    return result.then(die);
  };
};
const before = (target, name, when = () => true) => wrap(target, name, when, 'before');
const after = (target, name, when = () => true) => wrap(target, name, when, 'after');
const id = '[0-9a-f]{8}-[0-9a-f-]{27}';
const path = (pattern) => (name) => new RegExp(pattern).test(String(name));
const written = (phase) => after(CheckpointLog.prototype, 'put', (_key, value) => value?.phase === phase);
const isEnd = (state) => /FINISHED|FAILED|KILLED|ERROR|DROPPED|GONE|LOST/.test(state);
const sent = (when) => after(process, 'send', (message) => message.type === 'UPDATE' && when(message.status.state));
const event = (type) => before(TaskDesk.prototype, 'onContainer', (each) => each.type === type);

const points = {
  'the offer was accepted': () => before(TaskDesk.prototype, 'run'),
  'the task was written down': () => written('launching'),
  'the sandbox was made': () => after(fs, 'mkdirSync', path('/sandboxes/' + id + '$')),
  'its groups had their limits': () =>
    after(fs, 'writeFileSync', (name, value) => path(id + '/pids.max$')(name) && value !== '0'),
  'its script was written': () => after(fs, 'writeFileSync', path('/scripts/' + id + '$')),
  'the launcher was asked': () =>
    after(net.Socket.prototype, 'write', (text) => new RegExp('^\\\\d+ \\\\d+ [\\\\d,]+ ' + id + '\\\\n$').test(text)),
  'its orders were given': () => after(fs, 'writeSync', (_file, text) => String(text).endsWith(' end\\n')),
  'its pid was known': () => event('started'),
  'its pid was written down': () => written('running'),
  'RUNNING was sent': () => sent((state) => state === 'TASK_RUNNING'),
  'RUNNING was acknowledged': () => after(TaskDesk.prototype, 'acknowledge'),
  'the kill was asked for': () => before(TaskDesk.prototype, 'kill'),
  'the kill was written down': () => written('killing'),
  'SIGTERM was sent': () => after(process, 'kill', (_pid, name) => name === 'SIGTERM'),
  'it was reaped': () => event('ended'),
  'its end was written down': () => written('ended'),
  'its end was sent': () => sent(isEnd),
  'its end was acknowledged': () =>
    before(TaskDesk.prototype, 'acknowledge', function (task) {
      return this.record(task)?.phase === 'ended';
    }),
  'it was forgotten': () => after(CheckpointLog.prototype, 'delete'),
  'the engine had made the container': () => after(Engine.prototype, 'create'),
  'its start was written down': () => after(fs, 'writeFileSync', path('/docker/' + id + '.started$')),
  'the engine had started the container': () => after(Engine.prototype, 'start'),
  'the engine had sent SIGTERM': () => after(Engine.prototype, 'signal', (_name, signal) => signal !== 'SIGKILL'),
};

export function arm(point) {
  if (!(point in points)) throw new Error('no such moment: ' + point);
  points[point]();
  syncBuiltinESMExports();
}
`;
