import type { RequestHandler } from 'express';
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
  return (request, response, next) => {
    active++;
    const { socket } = request;
    const [startMs, readBefore, writtenBefore] = [performance.now(), socket.bytesRead, socket.bytesWritten];
    response.once('close', () => {
      active--;
      const seconds = (performance.now() - startMs) / 1000;
      all.observe(seconds);
      byMethod.get(request.method)?.observe(seconds);
      byClass[Math.floor(response.statusCode / 100) - 1]?.mark();
      // The request's head was read before we were called; only what came after it can be told apart on a shared connection.
      requestBytes.inc(Math.max(0, socket.bytesRead - readBefore));
      responseBytes.inc(Math.max(0, socket.bytesWritten - writtenBefore));
    });
    next();
  };
}
