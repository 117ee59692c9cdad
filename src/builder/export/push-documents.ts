import type { ContentStore } from '../../content/index.ts';
import { pushImage, type RegistryClient } from '../../distribution/index.ts';
import { formatReference, type Descriptor, type Reference } from '../../oci/index.ts';
import type { Referrer } from '../../image/index.ts';
import { pushAttestations } from '../attest/push-attestations.ts';
import { credentialsFor } from '../registry-credentials.ts';
import type { StepProgress } from '../progress.ts';
import type { Credentials } from '../types.ts';
import type { ImageDocuments } from './image-documents.ts';
import type { ImageOutput } from './output-options.ts';

export interface PushContext {
  readonly content: ContentStore;
  readonly registries: RegistryClient;
  readonly credentials: Readonly<Record<string, Credentials>>;
  /** What refers to each manifest. */
  readonly attestations: readonly (readonly Referrer[])[];
  readonly step: StepProgress;
  readonly signal: AbortSignal;
}

/**
 * Sends an image to a registry: each platform's blobs and manifest, then the index, so that the name never means something incomplete;
 * what refers to them follows.
 * @throws what the registry's refusal is (permission_denied, unauthenticated, unavailable, …); the name is then as it was
 */
export async function pushDocuments(
  { manifests, index, attestations, target }: ImageDocuments,
  reference: Reference,
  { byDigest }: ImageOutput,
  context: PushContext,
): Promise<void> {
  const { domain, path } = reference;
  for (const { manifest, config, layers } of manifests) {
    const last = index === undefined && !byDigest;
    await push(last ? reference : { domain, path, digest: manifest.digest }, manifest, [config, ...layers], context);
  }
  for (const { manifest, blobs } of attestations)
    await push({ domain, path, digest: manifest.digest }, manifest, blobs, context);
  if (index) await push(byDigest ? { domain, path, digest: target.digest } : reference, index, [], context);
  const { content, registries, signal } = context;
  const auth = credentialsFor(formatReference(reference), context.credentials);
  const call = { signal, ...(auth === undefined ? {} : { auth }) };
  for (const [i, { manifest }] of manifests.entries())
    await pushAttestations(context.attestations[i] ?? [], reference, manifest.digest, { content, registries, call });
}

async function push(
  reference: Reference,
  document: Descriptor,
  blobs: readonly Descriptor[],
  { content, registries, credentials, step, signal }: PushContext,
): Promise<void> {
  const auth = credentialsFor(formatReference(reference), credentials);
  await pushImage(registries, reference, {
    manifestBytes: await content.read(document.digest),
    mediaType: document.mediaType,
    blobs: blobs.map((descriptor) => ({
      descriptor,
      open: (start = 0) => content.open(descriptor.digest, { start }),
    })),
    onProgress: ({ id, status, current, total }) => step.progress(id, status, current, total),
    signal,
    ...(auth === undefined ? {} : { auth }),
  });
}
