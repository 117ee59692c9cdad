import type { Log } from '../../base/index.ts';
import { errnoOf } from '../../errors/index.ts';
import { type NamedEndpoint, NameTable } from './name-table.ts';
import { NetnsDnsListener } from './netns-listener.ts';
import { DnsResponder } from './responder.ts';

/** One container on one network, as its name server sees it. */
export interface DnsMembership {
  readonly netnsPath: string;
  readonly named: NamedEndpoint;
  /** Whether others on the network may find it by name (not on the default network). */
  readonly registered: boolean;
  /** Whether the container needs the name server inside its namespace. */
  readonly listens: boolean;
  /** Name servers for what is not a container; empty on internal networks. */
  upstreams(): readonly string[];
}

interface Client {
  readonly memberships: Map<string, DnsMembership>;
  listener: NetnsDnsListener | undefined;
}

/** The name server of all containers: one name table, and a listener in each network namespace that needs one. */
export class EmbeddedDns {
  readonly #names = new NameTable();
  readonly #clients = new Map<string, Client>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** A port taken by the container's own name server is no reason to fail: it is logged, and the container resolves by itself. */
  attach(membership: DnsMembership): void {
    const { netnsPath, named } = membership;
    const client = this.#clients.get(netnsPath) ?? { memberships: new Map(), listener: undefined };
    if (membership.listens) client.listener ??= this.#listen(netnsPath, client, named.containerId);
    client.memberships.set(named.networkId, membership);
    this.#clients.set(netnsPath, client);
    if (membership.registered) this.#names.register(named);
  }

  /** Idempotent. Closes the listener with the last network that needed it. */
  detach(netnsPath: string, networkId: string, containerId: string): void {
    this.#names.unregister(networkId, containerId);
    const client = this.#clients.get(netnsPath);
    if (!client) return;
    client.memberships.delete(networkId);
    if (![...client.memberships.values()].some(({ listens }) => listens)) {
      client.listener?.close();
      client.listener = undefined;
    }
    if (client.memberships.size === 0) this.#clients.delete(netnsPath);
  }

  close(): void {
    for (const { listener } of this.#clients.values()) listener?.close();
    this.#clients.clear();
  }

  #listen(netnsPath: string, client: Client, containerId: string): NetnsDnsListener | undefined {
    const memberships = (): DnsMembership[] => [...client.memberships.values()];
    const responder = new DnsResponder(this.#names, {
      networkIds: () => memberships().map(({ named }) => named.networkId),
      upstreams: () =>
        memberships()
          .map((one) => one.upstreams())
          .find((servers) => servers.length > 0) ?? [],
    });
    try {
      return new NetnsDnsListener(netnsPath, responder);
    } catch (error) {
      if (errnoOf(error) !== 'EADDRINUSE') throw error;
      this.#log.warn('no DNS for container: 127.0.0.11:53 is in use inside it', { container: containerId });
      return undefined;
    }
  }
}
