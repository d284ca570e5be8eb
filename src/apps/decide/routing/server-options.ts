import { foldParts, type RoutingPart } from './routing-part.js';
import { type Read, readSpanMs, readWhole } from './values.js';

type OptionReader = (value: string) => RoutingPart | undefined;

const whole =
  (least: number, most: number, part: (value: number) => RoutingPart): OptionReader =>
  (text) =>
    partOf(readWhole(text, least, most), part);

/** Options of a `server` line that take a value. */
const valued: Readonly<Record<string, OptionReader>> = {
  weight: whole(0, 256, (weight) => ({ weight })),
  maxconn: whole(1, 1_000_000, (connectionsPerServer) => ({ limits: { connectionsPerServer } })),
  maxqueue: whole(1, 1_000_000, (queueLength) => ({ limits: { queueLength } })),
  slowstart: (text) => partOf(readSpanMs(text), (slowStartMs) => ({ slowStartMs })),
  'error-limit': whole(1, 1_000, (failures) => ({ ejection: { failures } })),
  proto: (text) => (text === 'h2' ? { serverProtocol: 'h2c' } : text === 'h1' ? {} : undefined),
  // Health is longrun's own to find out, cookies are set by the load balancer itself.
  ...Object.fromEntries(
    'inter fastinter downinter rise fall port observe on-error on-marked-down cookie id'
      .split(' ')
      .map((name): [string, OptionReader] => [name, () => ({})]),
  ),
};
/** Those without. */
const bare: Readonly<Record<string, RoutingPart>> = {
  check: {},
  'send-proxy': { proxyProtocol: { send: 'v1' } },
  'send-proxy-v2': { proxyProtocol: { send: 'v2' } },
};

/** What the options of a `server` line say that has a typed meaning; placeholders say the default. */
export function readServerOptions(words: readonly string[]): {
  readonly part: RoutingPart;
  readonly unheeded: readonly string[];
} {
  const parts: RoutingPart[] = [];
  const unheeded: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const reader = Object.hasOwn(valued, word) ? valued[word] : undefined;
    const plain = Object.hasOwn(bare, word) ? bare[word] : undefined;
    if (plain) parts.push(plain);
    else if (reader) {
      at += 1;
      const value = words[at] ?? '';
      const part = /^\{\w+\}$/.test(value) ? {} : reader(value);
      if (part) parts.push(part);
      else unheeded.push(`${word} ${value}`);
    } else if (!/^\{\w+\}$/.test(word)) unheeded.push(word);
  }
  return { part: foldParts(parts), unheeded };
}

function partOf<T>(read: Read<T>, part: (value: T) => RoutingPart): RoutingPart | undefined {
  return 'value' in read ? part(read.value) : undefined;
}
