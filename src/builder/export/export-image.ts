import { LadingError, toLadingError } from '../../errors/index.ts';
import type { ImageRecord } from '../../image/index.ts';
import { familiarReference, parseReference, type Reference } from '../../oci/index.ts';
import { asStep, attached, primaryOf, type Exported, type Exporting } from './exporting.ts';
import type { ImageDocuments, PlatformManifest } from './image-documents.ts';
import type { ImageOutput } from './output-options.ts';
import { pushDocuments } from './push-documents.ts';

/** `type=image` and `type=registry`: pushed first when asked for, then stored and named. */
export async function exportImage(output: ImageOutput, exporting: Exporting): Promise<Exported> {
  const pushed = output.push ? await push(output, exporting) : undefined;
  const stored = output.store ? await store(output, pushed, exporting) : undefined;
  const target = (pushed ?? stored ?? (await exporting.documents(output.form))).target;
  return { target, names: output.names, tagged: output.store };
}

async function push(output: ImageOutput, exporting: Exporting): Promise<ImageDocuments> {
  const { dependencies, request, signal, progress } = exporting;
  const { content, registries } = dependencies;
  const names = output.names.map(familiarReference).join(', ');
  return asStep(progress, `pushing ${names}`, async (step) => {
    const documents = await exporting.documents(output.form);
    const attestations = await attached(documents, exporting);
    const context = { content, registries, credentials: request.credentials ?? {}, attestations, step, signal };
    for (const name of output.names)
      await pushDocuments(documents, name, output, context).catch((error: unknown) => {
        throw notPushed(name, error);
      });
    return documents;
  });
}

/** Names before this one are in their registries; this one is as it was. */
function notPushed(name: Reference, error: unknown): LadingError {
  const { code, message, hint } = toLadingError(error, 'push');
  const options = hint === undefined ? { cause: error } : { cause: error, hint };
  return new LadingError(code, `push ${familiarReference(name)}: ${message}`, options);
}

/** What was pushed is stored as it was pushed: it has the registry's digest here too. */
async function store(
  output: ImageOutput,
  pushed: ImageDocuments | undefined,
  exporting: Exporting,
): Promise<ImageDocuments> {
  const documents = pushed ?? (await exporting.documents(output.form));
  const { images } = exporting.dependencies;
  const { target, index } = documents;
  const primary = primaryOf(documents.manifests);
  const records = documents.manifests.map(recordOf);
  const record = records[documents.manifests.indexOf(primary)]!;
  const { digest } = target;
  const byDigest = output.names.map(({ domain, path }) => ({ domain, path, digest }));
  const references = [
    ...(output.byDigest ? [] : output.names),
    ...(output.canonicalName || pushed ? byDigest : []),
    ...dangling(output, digest),
  ];
  const names = references.map((reference) => ({ reference, target }));
  const also = documents.attestations.flatMap(({ manifest, blobs }) => [manifest, ...blobs].map((one) => one.digest));
  if (index) images.putIndex({ descriptor: index, images: records, primary: record.id, also }, names);
  else images.put(record, names);
  await attached(documents, exporting);
  return documents;
}

function dangling({ danglingPrefix, names }: ImageOutput, digest: ImageRecord['id']): Reference[] {
  if (danglingPrefix === undefined || names.length > 0) return [];
  const { domain, path } = parseReference(danglingPrefix);
  return [{ domain, path, digest }];
}

function recordOf({ stage, config, manifest }: PlatformManifest): ImageRecord {
  const layerSizes = stage.layers.map((layer) => layer.sizeBytes);
  return {
    id: config.digest,
    manifest,
    storedAt: new Date().toISOString(),
    sizeBytes: layerSizes.reduce((sum, size) => sum + size, 0),
    layerSizes,
  };
}
