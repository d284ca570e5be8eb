import { parentPort } from 'node:worker_threads';
import { verify } from 'unixcrypt';
import type { PasswordAnswer, PasswordQuestion } from './worker/password-thread.js';

/** The thread that compares passwords with hashes in crypt's notation ($5$ and $6$). */
parentPort?.on('message', ({ password, hash }: PasswordQuestion) => {
  let answer: PasswordAnswer;
  try {
    answer = { right: verify(password, hash) };
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(answer);
});
