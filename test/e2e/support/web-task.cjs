// The task of the end-to-end tests: plain Node, no dependencies. Environment: DIE_AT_ONCE=1 dies on SIGTERM without grace.
const http = require('node:http');
const crypto = require('node:crypto');

const id = process.env.MESOS_TASK_ID;
let healthy = true;
const server = http.createServer((request, response) => {
  const path = request.url.split('?')[0];
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'text/plain', 'x-task': id, 'x-version': process.env.APP_VERSION || '' });
    response.end(body);
  };
  if (path === '/health') return answer(healthy ? 200 : 500, healthy ? 'ok' : 'sick');
  if (path === '/sick') {
    healthy = false;
    return answer(200, 'now sick');
  }
  if (path === '/slow') return void setTimeout(() => answer(200, id), 2000);
  if (path === '/crash') process.exit(7);
  if (path === '/download') {
    const size = 1048576 * Number(new URL(request.url, 'http://task').searchParams.get('mib'));
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size, 'x-task': id });
    let left = size;
    const more = () => {
      while (left > 0) {
        const piece = Buffer.alloc(Math.min(left, 262144), 'd');
        left -= piece.length;
        if (!response.write(piece)) return;
      }
      response.end();
    };
    response.on('drain', more);
    return more();
  }
  if (request.method === 'POST') {
    const hash = crypto.createHash('sha256');
    request.on('data', (chunk) => hash.update(chunk));
    request.on('end', () => answer(200, hash.digest('hex')));
    return undefined;
  }
  return answer(200, id);
});
server.on('upgrade', (request, socket) => {
  const accept = crypto.createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.on('data', (chunk) => socket.write(chunk));
  socket.on('end', () => socket.end());
  socket.on('error', () => socket.destroy());
});
server.keepAliveTimeout = 60000;
server.listen(Number(process.env.PORT0 || process.env.PORT), '0.0.0.0', () => console.log(`listening on ${process.env.PORT0} as ${id}`));
process.on('SIGTERM', () => {
  if (process.env.DIE_AT_ONCE) process.exit(0);
  console.log('ending');
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => process.exit(0), 3000).unref();
});
