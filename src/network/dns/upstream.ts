import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { type DnsQuery, RCODE, isReplyTo, rcodeOf, withId } from './message.ts';
import { FrameReader, frame } from './tcp-frame.ts';

const TIMEOUT_MS = 2_000;
const ROUNDS = 2;
const PORT = 53;

/** How a query travels: UDP, or TCP after a truncated answer. */
export type Transport = 'udp' | 'tcp';

/** Asks one server; rejects when it cannot be reached, does not answer in time or answers something else. */
export type Exchange = (message: Buffer, query: DnsQuery, server: string, transport: Transport) => Promise<Buffer>;

/**
 * Passes a query on to name servers in turn and returns the reply as it came, under the client's id; undefined when no server answered.
 * A server that fails or refuses is passed over while there is another.
 */
export async function forward(
  message: Buffer,
  query: DnsQuery,
  servers: readonly string[],
  transport: Transport,
  exchange: Exchange = askServer,
): Promise<Buffer | undefined> {
  let last: Buffer | undefined;
  for (let round = 0; round < ROUNDS && !last; round++) {
    for (const server of servers) {
      const reply = await exchange(message, query, server, transport).catch(() => undefined);
      if (!reply) continue;
      last = withId(reply, query.id);
      if (rcodeOf(reply) !== RCODE.SERVFAIL && rcodeOf(reply) !== RCODE.REFUSED) return last;
    }
  }
  return last;
}

/** The default exchange: an own socket, port and id for each query, so that replies are hard to forge. */
export function askServer(message: Buffer, query: DnsQuery, server: string, transport: Transport): Promise<Buffer> {
  const id = randomInt(65_536);
  const outgoing = withId(message, id);
  const isReply = (reply: Buffer): boolean => isReplyTo(reply, query, id);
  return transport === 'udp' ? askByUdp(outgoing, server, isReply) : askByTcp(outgoing, server, isReply);
}

function askByUdp(message: Buffer, server: string, isReply: (reply: Buffer) => boolean): Promise<Buffer> {
  const socket = createSocket(isIPv6(server.replace(/%.*/, '')) ? 'udp6' : 'udp4');
  return finished((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (reply) => isReply(reply) && resolve(reply));
    // Node hands a failed connect (no route, say) to the callback alone.
    socket.connect(PORT, server, (error?: Error) => (error ? reject(error) : socket.send(message)));
  }).finally(() => socket.close());
}

function askByTcp(message: Buffer, server: string, isReply: (reply: Buffer) => boolean): Promise<Buffer> {
  const socket = connect({ host: server, port: PORT });
  const reader = new FrameReader();
  return finished((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed')));
    socket.on('data', (chunk) => reader.push(chunk).filter(isReply).forEach(resolve));
    socket.write(frame(message));
  }).finally(() => socket.destroy());
}

function finished(start: (resolve: (reply: Buffer) => void, reject: (error: Error) => void) => void): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const timer = setTimeout(() => reject(new Error('timeout')), TIMEOUT_MS);
  start(resolve, reject);
  return promise.finally(() => clearTimeout(timer));
}
