import { MAX_FIELDS, MAX_HEAD_BYTES } from '../../src/proxy/worker/http/head-fields.js';
import { Backend, Plane, serverAt, service } from './rig.js';

let plane: Plane;
let backend: Backend;
beforeAll(async () => {
  backend = await Backend.answering('fine');
  plane = await Plane.start([service([serverAt(backend.port)])]);
  plane.own(backend);
});
afterAll(() => plane.close());

const host = 'Host: web.test\r\n';
const post = `POST / HTTP/1.1\r\n${host}`;

/** Name, request, status of the first answer; `smuggled` must never reach a server. */
const refused: readonly (readonly [string, string, number])[] = [
  [
    'length and chunks together',
    `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n${host}\r\n`,
    400,
  ],
  [
    'chunks and length together',
    `${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n${host}\r\n`,
    400,
  ],
  ['two different lengths', `${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`, 400],
  ['the same length twice', `${post}Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde`, 400],
  ['a list of lengths', `${post}Content-Length: 5, 5\r\n\r\nabcde`, 400],
  ['a negative length', `${post}Content-Length: -1\r\n\r\n`, 400],
  ['a length with a sign', `${post}Content-Length: +5\r\n\r\nabcde`, 400],
  ['a hexadecimal length', `${post}Content-Length: 0x5\r\n\r\nabcde`, 400],
  ['an empty length', `${post}Content-Length:\r\n\r\n`, 400],
  ['a length beyond what counts exactly', `${post}Content-Length: 99999999999999999999\r\n\r\n`, 400],
  ['an unknown encoding', `${post}Transfer-Encoding: gzip\r\n\r\n`, 501],
  ['chunked not alone', `${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
  ['chunked twice', `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 501],
  ['chunked with a control character', `${post}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`, 400],
  ['a blank before the colon', `${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`, 400],
  ['a blank before a name', `GET / HTTP/1.1\r\n ${host}\r\n`, 400],
  ['a folded line', `GET / HTTP/1.1\r\n${host}X-A: 1\r\n folded\r\n\r\n`, 400],
  ['a folded line with a tab', `GET / HTTP/1.1\r\n${host}X-A: 1\r\n\tfolded\r\n\r\n`, 400],
  ['a bare LF between headers', `GET / HTTP/1.1\r\n${host}X-A: 1\nX-B: 2\r\n\r\n`, 400],
  ['a bare CR in a value', `GET / HTTP/1.1\r\n${host}X-A: 1\rX-B: 2\r\n\r\n`, 400],
  ['a NUL in a value', `GET / HTTP/1.1\r\n${host}X-A: a\x00b\r\n\r\n`, 400],
  ['an empty name', `GET / HTTP/1.1\r\n${host}: value\r\n\r\n`, 400],
  ['a line without a colon', `GET / HTTP/1.1\r\n${host}nonsense\r\n\r\n`, 400],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', `GET / HTTP/1.1\r\n${host}Host: other.test\r\n\r\n`, 400],
  ['a Host with a path', 'GET / HTTP/1.1\r\nHost: web.test/evil\r\n\r\n', 400],
  ['a Host with a user', 'GET / HTTP/1.1\r\nHost: user@web.test\r\n\r\n', 400],
  ['a Host with blanks', 'GET / HTTP/1.1\r\nHost: web.test evil\r\n\r\n', 400],
  ['no target', 'GET HTTP/1.1\r\nHost: web.test\r\n\r\n', 400],
  ['two blanks in the request line', `GET  / HTTP/1.1\r\n${host}\r\n`, 400],
  ['a blank in the target', `GET /a b HTTP/1.1\r\n${host}\r\n`, 400],
  ['a relative target', `GET index.html HTTP/1.1\r\n${host}\r\n`, 400],
  ['a star for GET', `GET * HTTP/1.1\r\n${host}\r\n`, 400],
  ['an absolute target for another host', `GET http://other.test/ HTTP/1.1\r\n${host}\r\n`, 400],
  ['a malformed method', `GE\x01T / HTTP/1.1\r\n${host}\r\n`, 400],
  ['HTTP/0.9', 'GET /\r\n\r\n', 400],
  ['HTTP/2 by prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['HTTP/1.2', `GET / HTTP/1.2\r\n${host}\r\n`, 505],
  ['a lower-case protocol', `GET / http/1.1\r\n${host}\r\n`, 400],
  ['CONNECT', `CONNECT web.test:443 HTTP/1.1\r\n${host}\r\n`, 501],
  ['an unknown expectation', `${post}Expect: miracles\r\nContent-Length: 0\r\n\r\n`, 417],
  ['chunks in HTTP/1.0', `POST / HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['a head over the limit', `GET / HTTP/1.1\r\n${host}X-A: ${'a'.repeat(MAX_HEAD_BYTES)}\r\n\r\n`, 431],
  ['an endless head', `GET / HTTP/1.1\r\n${host}X-A: ${'a'.repeat(MAX_HEAD_BYTES + 100)}`, 431],
  ['too many headers', `GET / HTTP/1.1\r\n${host}${'A: b\r\n'.repeat(MAX_FIELDS)}\r\n`, 431],
];

describe('requests that could be read in two ways', () => {
  it.each(refused)('%s: refused, and nothing behind it is read', async (_name, request, status) => {
    const client = await plane.client();
    const before = backend.connections;
    const text = await client.send(`${request}GET /smuggled HTTP/1.1\r\n${host}\r\n`).seesEnd();
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*Connection: close\r\n`));
    expect(text.match(/HTTP\/1\.1 \d{3} /g)?.length).toBe(1);
    expect(backend.connections).toBe(before);
    expect(backend.received).not.toContain('smuggled');
  });

  const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;
  it.each([
    ['a size that is not hexadecimal', 'xyz\r\n'],
    ['a size with a sign', '+5\r\nabcde\r\n0\r\n\r\n'],
    ['a size with 0x', '0x5\r\nabcde\r\n0\r\n\r\n'],
    ['an empty size', '\r\nabc'],
    ['a size line that ends in a bare LF', '5\nabcde\r\n0\r\n\r\n'],
    ['a chunk longer than its size', '3\r\nabcde\r\n0\r\n\r\n'],
    ['a chunk that ends in a bare LF', '3\r\nabc\n0\r\n\r\n'],
    ['a huge size', 'fffffffffffffffff\r\n'],
    ['an endless extension', `5;${'a'.repeat(2_000)}\r\nabcde\r\n0\r\n\r\n`],
    ['a malformed trailer', '0\r\nnonsense\r\n\r\n'],
    ['a folded trailer', '0\r\nX: 1\r\n folded\r\n\r\n'],
    ['endless trailers', `0\r\n${'X: 1\r\n'.repeat(2_000)}\r\n`],
  ])('%s: the connection ends, whatever follows is not read', async (_name, body) => {
    const client = await plane.client();
    const text = await client.send(`${chunked}${body}GET /smuggled HTTP/1.1\r\n${host}\r\n`).seesEnd();
    expect(text).toMatch(/^HTTP\/1\.1 400 [\s\S]*Connection: close\r\n|^$/);
    expect(backend.received).not.toContain('GET /smuggled');
  });
});

describe('unusual requests that are in order', () => {
  it.each([
    [
      'an absolute target for the same host',
      `GET http://web.test/abs?q HTTP/1.1\r\n${host}\r\n`,
      /GET \/abs\?q HTTP\/1\.1\r\n/,
    ],
    [
      'an absolute target without a path',
      `GET http://web.test HTTP/1.1\r\n${host}\r\n`,
      /GET \/ HTTP\/1\.1\r\n/,
    ],
    ['OPTIONS of everything', `OPTIONS * HTTP/1.1\r\n${host}\r\n`, /OPTIONS \* HTTP/],
    ['an empty line before', `\r\nGET /after-empty HTTP/1.1\r\n${host}\r\n`, /GET \/after-empty HTTP/],
    ['an unknown method', `BREW /pot HTTP/1.1\r\n${host}\r\n`, /BREW \/pot HTTP/],
    ['no blank after the colon', 'GET /tight HTTP/1.1\r\nHost:web.test\r\n\r\n', /GET \/tight HTTP/],
    [
      'bytes above ASCII in a value',
      `GET /latin HTTP/1.1\r\n${host}X-A: caf\xe9\r\n\r\n`,
      /X-A: caf\xe9\r\n/,
    ],
    [
      'as many headers as allowed',
      `GET /many HTTP/1.1\r\n${host}${'A: b\r\n'.repeat(MAX_FIELDS - 1)}\r\n`,
      /GET \/many HTTP/,
    ],
    [
      'a head as long as allowed',
      `GET /long HTTP/1.1\r\n${host}X-A: ${'a'.repeat(MAX_HEAD_BYTES - 60)}\r\n\r\n`,
      /GET \/long HTTP/,
    ],
  ])('%s: served', async (_name, request, told) => {
    const client = await plane.client();
    await client.send(request).sees(/\r\n\r\nfine$/);
    expect(backend.received).toMatch(told);
  });
});
