import type { Log } from '../base/index.ts';
import type { CredentialSource } from './auth/credential-source.ts';
import type { RetryPolicy } from './retry-policy.ts';

export interface RegistryOptions {
  /** `host[:port]` or CIDR of registries that may use plain HTTP or unverified TLS; loopback always may. */
  readonly insecureRegistries?: readonly string[];
  /** Mirrors of docker.io, asked first when pulling: URLs. */
  readonly mirrors?: readonly string[];
  /** Where credentials come from when a call brings none. Default: nowhere. */
  readonly credentials?: CredentialSource;
  readonly userAgent?: string;
  readonly log?: Log;
  /** Blobs at once per pull; Docker's default 3. */
  readonly maxConcurrentDownloads?: number;
  /** Blobs at once per push; Docker's default 5. */
  readonly maxConcurrentUploads?: number;
  /** PEM certificates to trust beside the usual ones. */
  readonly ca?: readonly string[];
  /** Longest silence before an attempt is given up. Default 30 000. */
  readonly stallTimeoutMs?: number;
  readonly retry?: RetryPolicy;
  /** Where HTTP_PROXY, HTTPS_PROXY and NO_PROXY are read from. Default process.env. */
  readonly proxyEnv?: NodeJS.ProcessEnv;
}
