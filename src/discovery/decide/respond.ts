import type { Answer, DecodedPacket, Packet, Question } from 'dns-packet';
import type { Zone } from '../zone.js';
import type { NameRecord } from './app-records.js';

/** Header bits (RFC 1035, 4.1.1). */
const AUTHORITATIVE = 1 << 10;
const RECURSION_DESIRED = 1 << 8;
const RECURSION_AVAILABLE = 1 << 7;
export const TRUNCATED = 1 << 9;

/** Response codes (RFC 1035, 4.1.1). */
export const responseCodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
} as const;

/** What of a message is written by hand where the packet library has no name for it. */
export interface RespondSettings {
  /** Seconds that an answer may be kept. */
  readonly ttl: number;
  /** Whether names outside the domain are asked of other servers. */
  readonly recursion: boolean;
  /** Puts the addresses of one answer into another order each time, so that clients that take the first one share the load. */
  readonly shuffle: <T>(values: readonly T[]) => readonly T[];
}

export type Response = { readonly kind: 'answer'; readonly packet: Packet } | { readonly kind: 'forward' };

/** Answers a query from the zone, or says that somebody else has to. One question per message, as every resolver asks. */
export function respond(query: DecodedPacket, zone: Zone, settings: RespondSettings): Response {
  const [question, ...more] = query.questions ?? [];
  if ((query as { opcode?: string }).opcode !== 'QUERY')
    return answer(query, responseCodes.notImplemented, settings);
  if (!question || more.length > 0) return answer(query, responseCodes.formatError, settings);
  const name = question.name.toLowerCase().replace(/\.$/, '');
  const isOurs = name === zone.domain || name.endsWith(`.${zone.domain}`);
  if (!isOurs || (question.class ?? 'IN') !== 'IN')
    return settings.recursion ? { kind: 'forward' } : answer(query, responseCodes.refused, settings);
  if (name === zone.domain && (question.type === 'SOA' || question.type === 'NS'))
    return answer(query, responseCodes.noError, settings, { answers: [apex(zone, question, settings)] });
  const records = zone.lookup(name);
  const authorities = [soa(zone, settings)];
  if (!records) return answer(query, responseCodes.noSuchName, settings, { authorities });
  const wanted = records.filter(({ type }) => type === question.type || (question.type as string) === 'ANY');
  if (wanted.length === 0) return answer(query, responseCodes.noError, settings, { authorities });
  const answers = settings.shuffle(wanted).map((record) => toAnswer(record, question.name, settings));
  return answer(query, responseCodes.noError, settings, {
    answers,
    additionals: targets(wanted, zone, settings),
  });
}

/** A message that says only how it went: for what cannot be answered. */
export function refusal(query: DecodedPacket, code: number, settings: RespondSettings): Packet {
  return answer(query, code, settings).packet;
}

function answer(
  query: DecodedPacket,
  code: number,
  settings: RespondSettings,
  sections: Pick<Packet, 'answers' | 'authorities' | 'additionals'> = {},
): Extract<Response, { kind: 'answer' }> {
  const desired = (query.flags ?? 0) & RECURSION_DESIRED;
  const authoritative =
    code === responseCodes.noError || code === responseCodes.noSuchName ? AUTHORITATIVE : 0;
  const flags = authoritative | desired | (settings.recursion ? RECURSION_AVAILABLE : 0) | code;
  return {
    kind: 'answer',
    packet: { type: 'response', id: query.id ?? 0, flags, questions: query.questions ?? [], ...sections },
  };
}

function toAnswer(record: NameRecord, name: string, { ttl }: RespondSettings): Answer {
  if (record.type !== 'SRV') return { type: record.type, name, ttl, class: 'IN', data: record.address };
  const { port, target } = record;
  return { type: 'SRV', name, ttl, class: 'IN', data: { priority: 0, weight: 1, port, target } };
}

/** Addresses of the hosts that SRV records name, which spares the client a second question. */
function targets(records: readonly NameRecord[], zone: Zone, settings: RespondSettings): Answer[] {
  const names = new Set(records.flatMap((record) => (record.type === 'SRV' ? [record.target] : [])));
  return [...names].flatMap((name) =>
    (zone.lookup(name) ?? [])
      .filter(({ type }) => type !== 'SRV')
      .map((record) => toAnswer(record, name, settings)),
  );
}

function apex(zone: Zone, question: Question, settings: RespondSettings): Answer {
  if (question.type === 'SOA') return soa(zone, settings);
  return {
    type: 'NS',
    name: zone.domain,
    ttl: settings.ttl,
    class: 'IN',
    data: `ns1.${zone.domain}`,
  } as Answer;
}

/** Its `minimum` is for how long "there is no such name" may be kept (RFC 2308): no longer than an answer. */
function soa(zone: Zone, { ttl }: RespondSettings): Answer {
  return {
    type: 'SOA',
    name: zone.domain,
    ttl,
    class: 'IN',
    data: {
      mname: `ns1.${zone.domain}`,
      rname: `root.ns1.${zone.domain}`,
      serial: zone.serial,
      refresh: ttl,
      retry: ttl,
      expire: 86_400,
      minimum: ttl,
    },
  } as Answer;
}
