import { createWriteStream } from 'node:fs';
import { Agent, createServer, type IncomingMessage } from 'node:http';
import { createProxyServer } from 'http-proxy';

/**
 * http-proxy as its users run it: keep-alive agents, forwarded headers, servers in turn, a second try, a counter and a line of
 * log per request. node _http-proxy-child.js LOG TARGET...
 */
const [, , log = '/dev/null', ...targets] = process.argv;
const proxy = createProxyServer({ agent: new Agent({ keepAlive: true, maxSockets: 256 }), xfwd: true });
const lines = createWriteStream(log);
const counts = new Map<number, number>();
let next = 0;

const server = createServer((request, response) => {
  const startedMs = performance.now();
  const target = (): string => targets[next++ % targets.length] ?? '';
  response.once('finish', () => {
    counts.set(response.statusCode, (counts.get(response.statusCode) ?? 0) + 1);
    lines.write(`${JSON.stringify(lineOf(request, response.statusCode, performance.now() - startedMs))}\n`);
  });
  proxy.web(request, response, { target: target() }, () =>
    proxy.web(request, response, { target: target() }, () => response.destroy()),
  );
});

function lineOf(request: IncomingMessage, status: number, tookMs: number): object {
  const { method, url } = request;
  return { at: Date.now(), client: request.socket.remoteAddress, method, url, status, tookMs };
}

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port));
process.on('disconnect', () => process.exit(0));
