import type { Digest } from './digest.ts';
import type { Platform } from './platform.ts';

/** A typed pointer to bytes (image-spec descriptor.md). `size` in bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly data?: string;
  readonly platform?: Platform;
  readonly artifactType?: string;
}
