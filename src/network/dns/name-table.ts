/** One container on one network, as others on that network see it. */
export interface NamedEndpoint {
  readonly networkId: string;
  readonly networkName: string;
  readonly containerId: string;
  readonly ipAddress: string;
  /** The first is what a reverse lookup gives. */
  readonly names: readonly string[];
}

/** Who is called what on which network. Names are compared in lower case. */
export class NameTable {
  readonly #endpoints = new Map<string, Map<string, NamedEndpoint>>();

  register(endpoint: NamedEndpoint): void {
    const names = endpoint.names.map((name) => name.toLowerCase());
    const network = this.#endpoints.get(endpoint.networkId) ?? new Map<string, NamedEndpoint>();
    this.#endpoints.set(endpoint.networkId, network);
    network.set(endpoint.containerId, { ...endpoint, names });
  }

  /** Idempotent. */
  unregister(networkId: string, containerId: string): void {
    const network = this.#endpoints.get(networkId);
    network?.delete(containerId);
    if (network?.size === 0) this.#endpoints.delete(networkId);
  }

  /** Addresses of "name" or "name.network" in the first network that knows it; empty when none does. */
  resolve(name: string, networkIds: readonly string[]): string[] {
    for (const networkId of networkIds) {
      const found = [...this.#on(networkId)].filter((endpoint) => isCalled(endpoint, name));
      if (found.length > 0) return found.map((endpoint) => endpoint.ipAddress);
    }
    return [];
  }

  /** "name.network" of an address, as Docker answers it. */
  reverse(ipAddress: string, networkIds: readonly string[]): string | undefined {
    for (const networkId of networkIds) {
      const found = [...this.#on(networkId)].find((endpoint) => endpoint.ipAddress === ipAddress);
      if (found) return `${found.names[0]}.${found.networkName}`;
    }
    return undefined;
  }

  #on(networkId: string): Iterable<NamedEndpoint> {
    return this.#endpoints.get(networkId)?.values() ?? [];
  }
}

function isCalled(endpoint: NamedEndpoint, name: string): boolean {
  if (endpoint.names.includes(name)) return true;
  const suffix = `.${endpoint.networkName.toLowerCase()}`;
  return name.endsWith(suffix) && endpoint.names.includes(name.slice(0, -suffix.length));
}
