import type { HttpResponse } from './http/response.ts';
import type { Socket } from 'node:net';
import { readJson, readNdjson } from './body.ts';
import { BuildsApi } from './builds-api.ts';
import { CacheMountsApi } from './cache-mounts-api.ts';
import { ContainersApi } from './containers-api.ts';
import { formatEndpoint, parseEndpoint, type Endpoint } from './endpoint.ts';
import { ImagesApi } from './images-api.ts';
import { NetworksApi, SystemApi, VolumesApi } from './other-apis.ts';
import { Transport, type CallOptions } from './transport.ts';

/** The newest Engine API the client speaks. */
export const API_VERSION = '1.47';

export interface ClientOptions {
  /** `unix:///path` or `tcp://host:port`. */
  readonly host: string;
  /** Default {@link API_VERSION}. */
  readonly apiVersion?: string | undefined;
  /** Called once when nothing listens, to start a daemon; the request is then made again. */
  readonly onUnreachable?: (() => Promise<void>) | undefined;
}

/** A client of the Engine API of lading's daemon, or of anything that speaks it. */
export class Client {
  readonly endpoint: Endpoint;
  readonly containers: ContainersApi;
  readonly images: ImagesApi;
  readonly networks: NetworksApi;
  readonly volumes: VolumesApi;
  readonly system: SystemApi;
  readonly builds: BuildsApi;
  readonly cacheMounts: CacheMountsApi;
  readonly #transport: Transport;

  constructor(options: ClientOptions) {
    this.endpoint = parseEndpoint(options.host);
    this.#transport = new Transport({
      endpoint: this.endpoint,
      prefix: `/v${options.apiVersion ?? API_VERSION}`,
      onUnreachable: options.onUnreachable,
    });
    this.containers = new ContainersApi(this);
    this.images = new ImagesApi(this);
    this.networks = new NetworksApi(this);
    this.volumes = new VolumesApi(this);
    this.system = new SystemApi(this);
    this.builds = new BuildsApi(this);
    this.cacheMounts = new CacheMountsApi(this);
  }

  /** Whether the daemon shares this machine's file system. */
  get isLocal(): boolean {
    return this.endpoint.kind === 'unix';
  }

  get host(): string {
    return formatEndpoint(this.endpoint);
  }

  /** The answer with its body unread. */
  call(method: string, path: string, options?: CallOptions): Promise<HttpResponse> {
    return this.#transport.call(method, path, options);
  }

  /** The JSON answer, trusted to have the wire type asked for; undefined for an empty one. */
  async json<T>(method: string, path: string, options?: CallOptions): Promise<T> {
    return (await readJson(await this.call(method, path, options))) as T;
  }

  /** A streamed answer of JSON objects. */
  async *ndjson<T>(method: string, path: string, options?: CallOptions): AsyncGenerator<T> {
    yield* readNdjson<T>(await this.call(method, path, options));
  }

  hijack(method: string, path: string, options?: CallOptions): Promise<Socket> {
    return this.#transport.hijack(method, path, options);
  }

  [Symbol.dispose](): void {
    this.#transport.close();
  }
}
