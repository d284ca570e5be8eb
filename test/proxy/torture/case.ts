import type { differences } from './differences.js';

/** One thing that a client may do, and what comes of it. */
export interface Case {
  readonly name: string;
  /** What is sent, with a pause between pieces. `~` stands for a number of its own; `/~` is where the request goes. */
  readonly send: string | readonly string[];
  /** Our answer: a status, `closed` (none), or several in a row; what reaches the server is told by `reaches`. */
  readonly answer: string;
  /** How many requests the server sees; 1 for each answer of 200 where nothing is said. */
  readonly reaches?: number;
  /** The client ends its direction after that. */
  readonly ends?: true;
  /** Why HAProxy does something else. */
  readonly differs?: keyof typeof differences;
}

export const host = 'Host: web.test\r\n';
export const get = (extra = '', path = '/~'): string => `GET ${path} HTTP/1.1\r\n${host}${extra}\r\n`;
export const post = (extra: string, body = ''): string => `POST /~ HTTP/1.1\r\n${host}${extra}\r\n${body}`;
export const chunked = (body: string): string => post('Transfer-Encoding: chunked\r\n', body);
/** What a smuggler hopes that somebody reads as a request of its own. */
export const hidden = `GET /~-hidden HTTP/1.1\r\n${host}\r\n`;
