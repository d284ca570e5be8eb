import type { Request, Response } from 'express';
import { nextLink, type PageRequest } from './decide/page.js';

/** Items that are looked at in one turn of the event loop. */
const SLICE = 500;

/**
 * The items of one page, and the Link header that names the next when there is one.
 *
 * @param items in the order of their keys, those of the pages before left out
 */
export async function takePage<T>(
  request: Request,
  response: Response,
  items: Iterable<T>,
  { limit = Number.POSITIVE_INFINITY }: PageRequest,
  keyOf: (item: T) => string,
  include: (item: T) => boolean = () => true,
): Promise<readonly T[]> {
  const taken: T[] = [];
  let looked = 0;
  for (const item of items) {
    if (++looked % SLICE === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    if (!include(item)) continue;
    const last = taken.at(-1);
    if (taken.length >= limit && last !== undefined) {
      response.setHeader('Link', nextLink(request.originalUrl, keyOf(last)));
      break;
    }
    taken.push(item);
  }
  return taken;
}
