import type { Socket } from 'node:net';
import type { RequestHandler, Response } from 'express';
import type { ApiMetrics } from '../api-context.js';

const timedMethods = ['GET', 'POST', 'PUT', 'DELETE'] as const;

/** Counts requests in flight, answers by class, durations by method and bytes both ways, by Marathon's names. */
export function httpMetrics(metrics: ApiMetrics): RequestHandler {
  let active = 0;
  metrics.gauge('http.requests.active.gauge', () => active);
  const all = metrics.timer('http.requests.duration.timer.seconds');
  const byMethod = new Map<string, { observe(seconds: number): void }>(
    timedMethods.map((method) => [
      method,
      metrics.timer(`http.requests.${method.toLowerCase()}.duration.timer.seconds`),
    ]),
  );
  const byClass = [1, 2, 3, 4, 5].map((digit) => metrics.meter(`http.responses.${digit}xx.rate.meter`));
  const requestBytes = metrics.counter('http.requests.size.counter.bytes');
  const responseBytes = metrics.counter('http.responses.size.counter.bytes');
  const streamBytes = metrics.counter('http.responses.event-stream.size.counter.bytes');
  /** Bytes of a connection's earlier requests: heads are read before we are called, so the sum is kept here. */
  const countedBytes = new WeakMap<Socket, number>();
  return (request, response, next) => {
    active++;
    const { socket } = request;
    const [startMs, writtenBefore] = [performance.now(), socket.bytesWritten];
    response.once('close', () => {
      active--;
      requestBytes.inc(Math.max(0, socket.bytesRead - (countedBytes.get(socket) ?? 0)));
      countedBytes.set(socket, socket.bytesRead);
      byClass[Math.floor(response.statusCode / 100) - 1]?.mark();
      const written = Math.max(0, socket.bytesWritten - writtenBefore);
      if (isEventStream(response)) {
        // It lasts as long as its reader likes: no duration of a request.
        streamBytes.inc(written);
        return;
      }
      responseBytes.inc(written);
      const seconds = (performance.now() - startMs) / 1000;
      all.observe(seconds);
      byMethod.get(request.method)?.observe(seconds);
    });
    next();
  };
}

function isEventStream(response: Response): boolean {
  return String(response.getHeader('content-type') ?? '').startsWith('text/event-stream');
}
