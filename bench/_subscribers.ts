import { request } from 'node:http';

/** Readers of /v2/events in a process of their own: node _subscribers.js API COUNT. Tells its parent what it is asked. */
const [api = '', count = '1'] = process.argv.slice(2);

const FRAME_END = Buffer.from('\n\n');
let bytes = 0;
let frames = 0;
let lost = 0;
let open = 0;

function subscribe(): void {
  const sent = request(
    new URL('/v2/events', api),
    { headers: { accept: 'text/event-stream' }, agent: false },
    (response) => {
      open += 1;
      if (open === Number(count)) process.send?.({ open });
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        for (let at = chunk.indexOf(FRAME_END); at >= 0; at = chunk.indexOf(FRAME_END, at + 2)) frames += 1;
      });
      response.on('close', () => {
        lost += 1;
      });
    },
  );
  sent.on('error', () => {
    lost += 1;
  });
  sent.end();
}

for (let i = 0; i < Number(count); i++) subscribe();
process.on('message', () => process.send?.({ bytes, frames, lost }));
process.on('disconnect', () => process.exit(0));
