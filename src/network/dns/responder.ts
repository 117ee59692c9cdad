import { ipv4Bytes } from '../address/ipv4.ts';
import {
  DNS_CLASS_IN,
  DNS_TYPE,
  type DnsQuery,
  RCODE,
  addressOfReverseName,
  encodeReply,
  encodeTruncated,
  isBadQuery,
  parseQuery,
} from './message.ts';
import type { NameTable } from './name-table.ts';
import { type Exchange, type Transport, askServer, forward } from './upstream.ts';

/** The container that asks. Read anew for each query: networks come and go. */
export interface DnsClient {
  /** Networks whose names it may know, most important first. */
  networkIds(): readonly string[];
  /** Where to pass on everything else; empty: nowhere (internal networks). */
  upstreams(): readonly string[];
}

/** Queries in flight to the outside, per container. */
const MAX_FORWARDED = 128;

/** Answers one container's queries: names of its networks itself, the rest through the host's name servers. */
export class DnsResponder {
  readonly #names: NameTable;
  readonly #client: DnsClient;
  readonly #exchange: Exchange;
  #forwarded = 0;

  constructor(names: NameTable, client: DnsClient, exchange: Exchange = askServer) {
    this.#names = names;
    this.#client = client;
    this.#exchange = exchange;
  }

  /** The reply to send, or undefined to stay silent. Never rejects. */
  async respond(message: Buffer, transport: Transport): Promise<Buffer | undefined> {
    const query = parseQuery(message);
    if (isBadQuery(query)) return query.reply;
    const reply = this.#answer(query) ?? (await this.#forward(message, query, transport));
    return transport === 'udp' && reply.length > query.udpSize ? encodeTruncated(query) : reply;
  }

  #answer(query: DnsQuery): Buffer | undefined {
    if (query.class !== DNS_CLASS_IN) return undefined;
    const networkIds = this.#client.networkIds();
    const asked = query.type === DNS_TYPE.PTR ? addressOfReverseName(query.name) : undefined;
    if (asked !== undefined) {
      const name = this.#names.reverse(asked, networkIds);
      return name === undefined ? undefined : encodeReply(query, RCODE.NOERROR, [{ type: DNS_TYPE.PTR, name }]);
    }
    const addresses = this.#names.resolve(query.name, networkIds);
    if (addresses.length === 0) return undefined;
    const answers = query.type === DNS_TYPE.A ? rotate(addresses) : [];
    return encodeReply(
      query,
      RCODE.NOERROR,
      answers.map((address) => ({ type: DNS_TYPE.A, address: ipv4Bytes(address) })),
    );
  }

  async #forward(message: Buffer, query: DnsQuery, transport: Transport): Promise<Buffer> {
    const servers = this.#client.upstreams();
    if (servers.length === 0 || this.#forwarded >= MAX_FORWARDED) return encodeReply(query, RCODE.SERVFAIL);
    this.#forwarded++;
    try {
      const reply = await forward(message, query, servers, transport, this.#exchange);
      return reply ?? encodeReply(query, RCODE.SERVFAIL);
    } finally {
      this.#forwarded--;
    }
  }
}

/** Several containers behind one alias take turns. At most as many as fit any UDP answer. */
function rotate(addresses: readonly string[]): string[] {
  const start = Math.floor(Math.random() * addresses.length);
  return [...addresses.slice(start), ...addresses.slice(0, start)].slice(0, 16);
}
