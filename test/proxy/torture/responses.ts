import type { differences } from './differences.js';

/** One thing that a server may answer, and what its client gets of it. */
export interface Answer {
  readonly name: string;
  /** Sent as soon as the request's head is there, with a pause between pieces; the connection stays open. */
  readonly send: string | readonly string[];
  /** Then it is closed, or reset. */
  readonly afterwards?: 'close' | 'reset';
  readonly method?: 'GET' | 'HEAD';
  /** Status and body, or status and `cut`: it breaks off. */
  readonly gets: string;
  readonly differs?: keyof typeof differences;
}

const ok = (extra: string, body = ''): string => `HTTP/1.1 200 OK\r\n${extra}\r\n${body}`;
const chunked = (body: string): string => ok('Transfer-Encoding: chunked\r\n', body);

/** What servers answer to our load balancer and to HAProxy. */
export const responses: readonly Answer[] = [
  { name: 'a body', send: ok('Content-Length: 3\r\n', 'abc'), gets: '200 abc' },
  { name: 'a body byte by byte', send: [...ok('Content-Length: 3\r\n', 'abc')], gets: '200 abc' },
  { name: 'a body until the end', send: ok('', 'abc'), afterwards: 'close', gets: '200 abc' },
  {
    name: 'a body until the end, in HTTP/1.0',
    send: 'HTTP/1.0 200 OK\r\n\r\nabc',
    afterwards: 'close',
    gets: '200 abc',
  },
  { name: 'chunks', send: chunked('3\r\nabc\r\n0\r\n\r\n'), gets: '200 abc' },
  {
    name: 'chunks with padded sizes',
    send: chunked('3  \r\nabc\r\n0\r\n\r\n'),
    gets: 'failed: HPE_INVALID_CHUNK_SIZE',
    differs: 'padding',
  },
  {
    name: 'chunks with extensions and trailers',
    send: chunked('3;a=b\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n'),
    gets: '200 abc',
  },
  {
    name: 'CHUNKED in capitals',
    send: ok('Transfer-Encoding: CHUNKED\r\n', '3\r\nabc\r\n0\r\n\r\n'),
    gets: '200 abc',
  },
  { name: 'no reason phrase', send: 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', gets: '200 ' },
  { name: 'an empty reason phrase', send: 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n', gets: '200 ' },
  {
    name: 'a reason phrase in Latin-1',
    send: 'HTTP/1.1 200 Tr\xe8s bien\r\nContent-Length: 0\r\n\r\n',
    gets: '200 ',
  },
  { name: 'an unknown status', send: 'HTTP/1.1 299 Fine\r\nContent-Length: 0\r\n\r\n', gets: '299 ' },
  {
    name: 'an answer to HEAD with a length',
    method: 'HEAD',
    send: ok('Content-Length: 1000\r\n'),
    gets: '200 ',
  },
  {
    name: 'an answer to HEAD with chunks',
    method: 'HEAD',
    send: ok('Transfer-Encoding: chunked\r\n'),
    gets: '200 ',
  },
  { name: '204', send: 'HTTP/1.1 204 No Content\r\n\r\n', gets: '204 ' },
  { name: '204 with a length', send: 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', gets: '204 ' },
  { name: '304 with a length', send: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', gets: '304 ' },
  {
    name: '100 before',
    send: `HTTP/1.1 100 Continue\r\n\r\n${ok('Content-Length: 3\r\n', 'abc')}`,
    gets: '200 abc',
  },
  {
    name: '102 and 103 before',
    send: `HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\n${ok('Content-Length: 3\r\n', 'abc')}`,
    gets: '200 abc',
  },
  {
    name: '101 unasked',
    send: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    gets: '502 page',
  },
  {
    name: 'the same length twice',
    send: ok('Content-Length: 3\r\nContent-Length: 3\r\n', 'abc'),
    gets: '502 page',
    differs: 'responses',
  },
  { name: 'two lengths', send: ok('Content-Length: 3\r\nContent-Length: 4\r\n', 'abcd'), gets: '502 page' },
  { name: 'a list of lengths', send: ok('Content-Length: 3, 4\r\n', 'abcd'), gets: '502 page' },
  { name: 'an empty length', send: ok('Content-Length:\r\n', 'abc'), gets: '502 page' },
  { name: 'a negative length', send: ok('Content-Length: -3\r\n', 'abc'), gets: '502 page' },
  {
    name: 'length and chunks',
    send: ok('Content-Length: 30\r\nTransfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'),
    gets: '200 abc',
  },
  {
    name: 'an unknown encoding',
    send: ok('Transfer-Encoding: gzip\r\n', 'abc'),
    afterwards: 'close',
    gets: '502 page',
  },
  {
    name: 'chunked twice',
    send: ok('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'),
    gets: '502 page',
  },
  { name: 'a blank before a colon', send: ok('X-A : b\r\nContent-Length: 0\r\n'), gets: '502 page' },
  { name: 'a line without a colon', send: ok('nonsense\r\nContent-Length: 0\r\n'), gets: '502 page' },
  {
    name: 'a folded line',
    send: ok('X-A: b\r\n c\r\nContent-Length: 0\r\n'),
    gets: '502 page',
    differs: 'responses',
  },
  { name: 'a bare LF', send: ok('X-A: b\nContent-Length: 0\r\n'), gets: '502 page', differs: 'responses' },
  { name: 'a bare CR in a value', send: ok('X-A: b\rc\r\nContent-Length: 0\r\n'), gets: '502 page' },
  {
    name: 'a NUL in a value',
    send: ok('X-A: b\0c\r\nContent-Length: 0\r\n'),
    gets: '502 page',
    differs: 'responses',
  },
  { name: 'another protocol', send: 'SSH-2.0-OpenSSH_9.2\r\n\r\n', gets: '502 page' },
  { name: 'HTTP/0.9', send: '<html>hello</html>\r\n\r\n', afterwards: 'close', gets: '502 page' },
  {
    name: 'a status of two digits',
    send: 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n',
    gets: '502 page',
    differs: 'responses',
  },
  {
    name: 'a status below 100',
    send: 'HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n',
    gets: '502 page',
    differs: 'responses',
  },
  { name: 'a status in words', send: 'HTTP/1.1 OK OK\r\nContent-Length: 0\r\n\r\n', gets: '502 page' },
  {
    name: 'HTTP/2.0',
    send: 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n',
    gets: '502 page',
    differs: 'responses',
  },
  {
    name: 'a head of 40 KiB',
    send: ok(`X-A: ${'a'.repeat(40_000)}\r\nContent-Length: 0\r\n`),
    gets: '502 page',
  },
  { name: 'nothing', send: '', afterwards: 'close', gets: '502 page' },
  { name: 'nothing, and a reset', send: '', afterwards: 'reset', gets: '502 page' },
  { name: 'half a head', send: 'HTTP/1.1 200 OK\r\nContent-Le', afterwards: 'close', gets: '502 page' },
  {
    name: 'a body that ends too early',
    send: ok('Content-Length: 10\r\n', 'abc'),
    afterwards: 'close',
    gets: '200 cut',
  },
  {
    name: 'a body that is reset',
    send: ok('Content-Length: 10\r\n', 'abc'),
    afterwards: 'reset',
    gets: '200 cut',
  },
  { name: 'chunks that end too early', send: chunked('3\r\nabc\r\n'), afterwards: 'close', gets: '200 cut' },
  { name: 'a chunk size that is none', send: [chunked('3\r\nabc\r\n'), 'xyz\r\n'], gets: '200 cut' },
  {
    name: 'more than its length',
    send: ok('Content-Length: 3\r\n', `abc${ok('Content-Length: 4\r\n', 'evil')}`),
    gets: '200 abc',
  },
  {
    name: 'more than its last chunk',
    send: chunked(`3\r\nabc\r\n0\r\n\r\n${ok('Content-Length: 4\r\n', 'evil')}`),
    gets: '200 abc',
  },
  {
    name: 'a body where there is none',
    send: `HTTP/1.1 204 No Content\r\n\r\n${ok('Content-Length: 4\r\n', 'evil')}`,
    gets: '204 ',
  },
  {
    name: 'a body behind HEAD',
    method: 'HEAD',
    send: ok('Content-Length: 4\r\n', ok('Content-Length: 4\r\n', 'evil')),
    gets: '200 ',
  },
];
