import fc from 'fast-check';
import { isFieldValue, skipToken } from '../../src/proxy/worker/http/characters.js';
import { HeadRefused, readFields } from '../../src/proxy/worker/http/head-fields.js';
import { readRequestHead } from '../../src/proxy/worker/http/request-head.js';

const FIRST = 'GET / HTTP/1.1\r\n';

function refused(text: string): string | undefined {
  try {
    readFields(`${text}\r\n`, 0, text.length, 'response');
    return undefined;
  } catch (error) {
    if (error instanceof HeadRefused) return error.message;
    throw error;
  }
}

/** Line by line and character by character, as the grammar says (RFC 9112 5). */
function isWellFormed(text: string): boolean {
  return text
    .split('\r\n')
    .slice(0, -1)
    .every((line) => {
      const colon = skipToken(line, 0, line.length);
      return colon > 0 && line[colon] === ':' && isFieldValue(line, colon + 1, line.length);
    });
}

const character = fc.constantFrom(
  'a',
  'Z',
  '-',
  ':',
  ' ',
  '\t',
  '\r',
  '\n',
  '\0',
  '\x7f',
  '\x80',
  '\xff',
  '(',
  '"',
);
const line = fc.string({ unit: character, maxLength: 8 });
const goodLine = fc.constantFrom('a: b', 'X-Long-Name:', 'b:\t\x80 ', "!#$%&'*+-.^_`|~: c");

describe('the fields of a head', () => {
  it('are taken exactly when each line is what the grammar says', () => {
    const lines = fc.array(fc.oneof(goodLine, line), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(lines, (all) => {
        const text = `${all.join('\r\n')}\r\n`;
        expect(refused(text) === undefined).toBe(isWellFormed(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('are forwarded as they came, whatever stands beside them', () => {
    fc.assert(
      fc.property(fc.array(goodLine, { maxLength: 6 }), fc.nat(6), (all, at) => {
        const lines = all.map((each) => `${each}\r\n`);
        const with_ = [...lines.slice(0, at), 'Connection: keep-alive\r\n', ...lines.slice(at)].join('');
        expect(readFields(`${with_}\r\n`, 0, with_.length, 'response').forward).toBe(lines.join(''));
      }),
    );
  });

  it('that belong to one hop, or that we say ourselves, are found whatever the case of their letters', () => {
    const dropped = [
      ...['Connection', 'Keep-Alive', 'Proxy-Connection', 'TE', 'Upgrade', 'X-Forwarded-For'],
      ...['X-Forwarded-Proto', 'X-Forwarded-Host', 'X-Forwarded-Port', 'X-SSL-Client-Verify'],
      ...['X-SSL-Client-DN', 'X-SSL-Client-CN'],
    ];
    for (const name of dropped) {
      for (const said of [name, name.toLowerCase(), name.toUpperCase()]) {
        const text = `${FIRST}Host: a\r\n${said}: x\r\nOther: y\r\n\r\n`;
        expect(readRequestHead(text).fields.forward).toBe('Host: a\r\nOther: y\r\n');
      }
    }
    for (const said of ['Content-Length', 'content-length', 'CONTENT-LENGTH'])
      expect(readRequestHead(`${FIRST}hOsT: a\r\n${said}: 7\r\n\r\n`).fields.contentLength).toBe(7);
    for (const said of ['Transfer-Encoding', 'transfer-encoding', 'TRANSFER-ENCODING'])
      expect(readRequestHead(`${FIRST}HOST: a\r\n${said}: chunked\r\n\r\n`).fields.chunked).toBe(true);
    expect(readRequestHead(`${FIRST}host: a\r\nEXPECT: 100-Continue\r\n\r\n`).fields.expect).toBe(
      '100-continue',
    );
  });

  it('name the host without its port, in small letters', () => {
    const hosts = {
      'web.test': 'web.test',
      'web.test:80': 'web.test',
      'web.test:': 'web.test',
      'WEB.test:8080': 'web.test',
      'web.test.': 'web.test',
      'web.test.:9': 'web.test',
      '10.0.0.1:1': '10.0.0.1',
      '[::1]:80': '[::1]',
      '': '',
    };
    for (const [host, name] of Object.entries(hosts))
      expect(readRequestHead(`${FIRST}Host: ${host}\r\n\r\n`).hostName).toBe(name);
    for (const host of ['web.test:123456', 'web.test:8x', 'web/test', 'web.test:1:2', `${'a'.repeat(256)}:1`])
      expect(() => readRequestHead(`${FIRST}Host: ${host}\r\n\r\n`)).toThrow(HeadRefused);
  });
});
