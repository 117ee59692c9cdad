/** Bytes of netlink messages. Numbers are in host order, which is little-endian on both of lading's architectures. */
const HEADER_BYTES = 16;

/** One request, to be numbered and sent by the socket. `what` names the operation in errors. */
export interface NetlinkRequest {
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
  readonly what: string;
}

export interface NetlinkMessage {
  readonly type: number;
  readonly sequence: number;
  readonly body: Buffer;
}

function align(length: number): number {
  return (length + 3) & ~3;
}

/** A message with its header. */
export function encodeMessage(request: NetlinkRequest, flags: number, sequence: number): Buffer {
  const message = Buffer.alloc(align(HEADER_BYTES + request.body.length));
  message.writeUInt32LE(HEADER_BYTES + request.body.length, 0);
  message.writeUInt16LE(request.type, 4);
  message.writeUInt16LE(flags, 6);
  message.writeUInt32LE(sequence, 8);
  request.body.copy(message, HEADER_BYTES);
  return message;
}

/** The messages of one datagram; stops at the first that does not fit. */
export function* decodeMessages(datagram: Buffer): Generator<NetlinkMessage> {
  for (let at = 0; at + HEADER_BYTES <= datagram.length;) {
    const length = datagram.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > datagram.length) return;
    const body = datagram.subarray(at + HEADER_BYTES, at + length);
    yield { type: datagram.readUInt16LE(at + 4), sequence: datagram.readUInt32LE(at + 8), body };
    at += align(length);
  }
}

/** One attribute with its padding. */
export function attribute(type: number, ...parts: Buffer[]): Buffer {
  const length = 4 + parts.reduce((sum, part) => sum + part.length, 0);
  const head = Buffer.alloc(4);
  head.writeUInt16LE(length, 0);
  head.writeUInt16LE(type, 2);
  return Buffer.concat([head, ...parts], align(length));
}

export function textAttribute(type: number, text: string): Buffer {
  return attribute(type, Buffer.from(`${text}\0`));
}

export function numberAttribute(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return attribute(type, bytes);
}

const NESTED_BITS = 0xc000;

/** Attributes by type; of several with one type the last counts. */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) break;
    found.set(bytes.readUInt16LE(at + 2) & ~NESTED_BITS, bytes.subarray(at + 4, at + length));
    at += align(length);
  }
  return found;
}
