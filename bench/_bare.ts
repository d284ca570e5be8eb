import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The physical limit: node's own http server answering bytes that lie ready. node _bare.js PATH=FILE ... */
const bodies = new Map(
  process.argv.slice(2).map((pair) => {
    const at = pair.lastIndexOf('=');
    return [pair.slice(0, at), readFileSync(pair.slice(at + 1))] as const;
  }),
);

const server = createServer((request, response) => {
  const body = bodies.get(request.url ?? '');
  response.writeHead(body ? 200 : 404, {
    'content-type': 'application/json',
    'content-length': body?.length ?? 0,
  });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit(0));
