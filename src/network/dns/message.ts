/** The part of the DNS wire format (RFC 1035, EDNS of RFC 6891) a forwarder needs: one question in, short answers out. */
export const DNS_TYPE = { A: 1, PTR: 12, AAAA: 28, OPT: 41 } as const;
export const DNS_CLASS_IN = 1;
export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;

const HEADER_BYTES = 12;
const MAX_LABEL = 63;
const MAX_NAME = 255;
const MIN_UDP_BYTES = 512;
const MAX_UDP_BYTES = 4096;
const FLAG = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080 } as const;

export interface DnsQuery {
  readonly id: number;
  readonly recursionDesired: boolean;
  /** Lower case, without the final dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** The question section as it was sent. */
  readonly question: Buffer;
  /** The largest UDP answer the client takes. */
  readonly udpSize: number;
}

/** What was wrong with a query: nothing to answer to (`drop`), or an answer with only a code. */
export interface BadQuery {
  readonly reply: Buffer | undefined;
}

export type DnsAnswer =
  | { readonly type: typeof DNS_TYPE.A; readonly address: Buffer }
  | { readonly type: typeof DNS_TYPE.PTR; readonly name: string };

/** Reads a query of one question. Never throws: hostile input becomes a BadQuery. */
export function parseQuery(message: Buffer): DnsQuery | BadQuery {
  if (message.length < HEADER_BYTES) return { reply: undefined };
  const flags = message.readUInt16BE(2);
  if (flags & FLAG.QR) return { reply: undefined };
  if ((flags >> 11) & 15) return { reply: bareReply(message, RCODE.NOTIMP) };
  const name = message.readUInt16BE(4) === 1 ? readName(message, HEADER_BYTES) : undefined;
  if (!name || name.end + 4 > message.length) return { reply: bareReply(message, RCODE.FORMERR) };
  return {
    id: message.readUInt16BE(0),
    recursionDesired: (flags & FLAG.RD) !== 0,
    name: name.text,
    type: message.readUInt16BE(name.end),
    class: message.readUInt16BE(name.end + 2),
    question: message.subarray(HEADER_BYTES, name.end + 4),
    udpSize: udpSizeOf(message, name.end + 4),
  };
}

export function isBadQuery(query: DnsQuery | BadQuery): query is BadQuery {
  return 'reply' in query;
}

/** A complete answer with lading's own records. */
export function encodeReply(
  query: DnsQuery,
  rcode: number,
  answers: readonly DnsAnswer[] = [],
  ttlSeconds = 600,
): Buffer {
  const header = replyHeader(query, rcode, FLAG.RA);
  header.writeUInt16BE(answers.length, 6);
  return Buffer.concat([header, query.question, ...answers.map((answer) => encodeAnswer(answer, ttlSeconds))]);
}

/** An answer that does not fit into UDP: the client asks again by TCP. */
export function encodeTruncated(query: DnsQuery): Buffer {
  return Buffer.concat([replyHeader(query, RCODE.NOERROR, FLAG.RA | FLAG.TC), query.question]);
}

/** Whether `reply` answers this query: same id, same question (letters of either case). */
export function isReplyTo(reply: Buffer, query: DnsQuery, id: number): boolean {
  const end = HEADER_BYTES + query.question.length;
  return (
    reply.length >= end &&
    reply.readUInt16BE(0) === id &&
    (reply.readUInt16BE(2) & FLAG.QR) !== 0 &&
    reply.readUInt16BE(4) === 1 &&
    lowerCase(reply.subarray(HEADER_BYTES, end)).equals(lowerCase(query.question))
  );
}

export function rcodeOf(reply: Buffer): number {
  return reply.readUInt16BE(2) & 15;
}

/** The same message under another id. */
export function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}

/** The address a reverse name asks for ("2.0.18.172.in-addr.arpa"), or undefined. */
export function addressOfReverseName(name: string): string | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  return match?.slice(1).reverse().map(Number).join('.');
}

function replyHeader(query: DnsQuery, rcode: number, flags: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(query.id, 0);
  header.writeUInt16BE(FLAG.QR | flags | (query.recursionDesired ? FLAG.RD : 0) | rcode, 2);
  header.writeUInt16BE(1, 4);
  return header;
}

function bareReply(message: Buffer, rcode: number): Buffer {
  const reply = Buffer.alloc(HEADER_BYTES);
  message.copy(reply, 0, 0, 2);
  reply.writeUInt16BE(FLAG.QR | (message.readUInt16BE(2) & (FLAG.RD | 0x7800)) | rcode, 2);
  return reply;
}

/** Names in questions are never compressed, so pointers are refused and every name ends. */
function readName(message: Buffer, start: number): { text: string; end: number } | undefined {
  const labels: string[] = [];
  for (let at = start; at < message.length && at - start < MAX_NAME;) {
    const length = message.readUInt8(at);
    if (length === 0) return { text: labels.join('.'), end: at + 1 };
    if (length > MAX_LABEL) return undefined;
    labels.push(message.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return undefined;
}

/** Only an OPT record directly after the question is looked at, where every client puts it. */
function udpSizeOf(message: Buffer, at: number): number {
  const noOtherSections = message.readUInt16BE(6) === 0 && message.readUInt16BE(8) === 0;
  const hasOpt = noOtherSections && message.readUInt16BE(10) > 0 && at + 5 <= message.length;
  if (!hasOpt || message.readUInt8(at) !== 0 || message.readUInt16BE(at + 1) !== DNS_TYPE.OPT) return MIN_UDP_BYTES;
  return Math.min(MAX_UDP_BYTES, Math.max(MIN_UDP_BYTES, message.readUInt16BE(at + 3)));
}

const POINTER_TO_QUESTION = 0xc000 | HEADER_BYTES;

function encodeAnswer(answer: DnsAnswer, ttlSeconds: number): Buffer {
  const data = answer.type === DNS_TYPE.A ? answer.address : encodeName(answer.name);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(POINTER_TO_QUESTION, 0);
  head.writeUInt16BE(answer.type, 2);
  head.writeUInt16BE(DNS_CLASS_IN, 4);
  head.writeUInt32BE(ttlSeconds, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function encodeName(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(label, 'latin1').subarray(0, MAX_LABEL));
  return Buffer.concat([...labels.flatMap((label) => [Buffer.from([label.length]), label]), Buffer.from([0])]);
}

function lowerCase(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').toLowerCase(), 'latin1');
}
