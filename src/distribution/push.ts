import { Limiter } from '../base/index.ts';
import { toLadingError } from '../errors/index.ts';
import { familiarReference, isIndexType, shortId, type Descriptor, type Digest, type Reference } from '../oci/index.ts';
import type { OpenBlobSource, PushBlobResult } from './blobs/push-blob.ts';
import { throttled, type BlobProgress, type OnBlobProgress } from './progress.ts';
import type { RegistryClient } from './registry-client.ts';
import type { CallOptions } from './session.ts';

/** A blob to push and how to read it. */
export interface BlobSource {
  readonly descriptor: Descriptor;
  readonly open: OpenBlobSource;
  /** Repositories of the same registry that are likely to have it. */
  readonly mountFrom?: readonly string[];
}

export interface PushImageOptions extends CallOptions {
  readonly manifestBytes: Uint8Array;
  readonly mediaType: string;
  /** Config and layers; for an index none, since its manifests have been pushed before. */
  readonly blobs: readonly BlobSource[];
  readonly onProgress?: OnBlobProgress;
  readonly concurrency?: number;
}

export interface PushedImage {
  readonly digest: Digest;
  /** Of the manifest, in bytes. */
  readonly size: number;
}

/** Pushes the blobs, several at once, and then the manifest, so that the reference never names something incomplete. */
export async function pushImage(
  client: RegistryClient,
  reference: Reference,
  options: PushImageOptions,
): Promise<PushedImage> {
  const { manifestBytes, mediaType, onProgress, auth } = options;
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const limiter = new Limiter(options.concurrency ?? client.maxConcurrentUploads);
  const blobs = isIndexType(mediaType) ? [] : uniqueBlobs(options.blobs);
  for (const { descriptor } of blobs) onProgress?.({ id: shortId(descriptor.digest), status: 'Preparing' });
  const work = blobs.map((blob) =>
    limiter.run(() => {
      signal.throwIfAborted();
      return pushOne(client, reference, blob, { auth, signal, onProgress });
    }),
  );
  try {
    await Promise.all(work);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(work);
    throw toLadingError(error, `push ${familiarReference(reference)}`);
  }
  const digest = await client.pushManifest(reference, manifestBytes, mediaType, { auth, signal: options.signal });
  return { digest, size: manifestBytes.length };
}

function uniqueBlobs(blobs: readonly BlobSource[]): BlobSource[] {
  return [...new Map(blobs.map((blob) => [blob.descriptor.digest, blob])).values()];
}

async function pushOne(
  client: RegistryClient,
  reference: Reference,
  { descriptor, open, mountFrom = [] }: BlobSource,
  { onProgress, ...call }: CallOptions & { readonly onProgress: OnBlobProgress | undefined },
): Promise<void> {
  const id = shortId(descriptor.digest);
  const total = descriptor.size;
  const result = await client.pushBlob(reference, descriptor, open, {
    ...call,
    mountFrom,
    onProgress: throttled(total, (current) => onProgress?.({ id, status: 'Pushing', current, total })),
  });
  onProgress?.({ id, status: statusOf(result) });
}

function statusOf(result: PushBlobResult): BlobProgress['status'] {
  if (result.kind === 'mounted') return `Mounted from ${result.from}`;
  return result.kind === 'exists' ? 'Layer already exists' : 'Pushed';
}
