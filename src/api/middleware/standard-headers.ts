import type { RequestHandler } from 'express';

/**
 * Headers of every answer: nothing is cached, framed or sniffed, and the leader is named. `leader` is the `host:port`
 * that the answering connection's server is known under.
 */
export function standardHeaders(
  leader: (localPort: number) => string,
  scheme: 'http' | 'https' = 'http',
): RequestHandler {
  return (request, response, next) => {
    response.setHeader('Cache-Control', 'no-cache, no-store, must-revalidate');
    response.setHeader('Pragma', 'no-cache');
    response.setHeader('Expires', '0');
    response.setHeader('X-Frame-Options', 'DENY');
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('X-XSS-Protection', '1; mode=block');
    response.setHeader('X-Marathon-Leader', `${scheme}://${leader(request.socket.localPort ?? 0)}`);
    next();
  };
}
