import { LadingError } from '../../errors/index.ts';
import { LayerCompressor } from '../../image/index.ts';
import {
  formatPlatform,
  formatReference,
  hostPlatform,
  type Descriptor,
  type Platform,
  type Reference,
} from '../../oci/index.ts';
import type { BuildRequest, BuildResult } from '../types.ts';
import { checkAnnotations } from './annotations.ts';
import { exportArchive, refuseDockerIndex } from './export-archive.ts';
import { exportFiles } from './export-files.ts';
import { exportImage } from './export-image.ts';
import { Attestor, attestsInIndex } from '../attest/attestor.ts';
import type { AttestationManifest } from '../attest/index-form.ts';
import { asStep, type BuiltPlatform, type ExportContext, type Exported, type Exporting } from './exporting.ts';
import { writeConfig } from './image-config.ts';
import { writeDocuments, type ConfiguredPlatform, type ImageDocuments } from './image-documents.ts';
import { squash } from './squash.ts';
import { parseOutputs, type ImageForm, type Output } from './output-options.ts';

export type { BuiltPlatform } from './exporting.ts';

/** What is wrong with a request's outputs, said before anything is built. @throws invalid_argument */
export function checkOutputs(request: BuildRequest, names: readonly Reference[]): void {
  const { annotations = [] } = request;
  const platforms = platformsOf(request);
  const texts = platforms.map(formatPlatform);
  const twice = texts.find((text, i) => texts.indexOf(text) !== i);
  if (twice !== undefined)
    throw new LadingError('invalid_argument', `duplicate platform "${twice}": an image has one manifest for each`);
  const withIndex = wantsIndex(request);
  for (const output of parseOutputs(request.outputs ?? [], names, annotations)) {
    if ('form' in output) checkAnnotations(output.form.annotations, platforms, withIndex);
    if (output.kind === 'archive' && output.format === 'docker' && withIndex) refuseDockerIndex();
  }
}

/** Sends what was built where the request wants it. @throws invalid_argument for an output that cannot be */
export async function exportBuild(built: readonly BuiltPlatform[], context: ExportContext): Promise<BuildResult> {
  const { request } = context;
  const outputs = parseOutputs(request.outputs ?? [], context.names, request.annotations);
  if (outputs.every((output) => output.kind === 'none')) return { tags: [], metadata: {} };
  const isImage = outputs.some(({ kind }) => kind === 'image' || kind === 'archive');
  const exporting = await begin(isImage ? await squashed(built, context) : built, context);
  const done: Exported[] = [];
  // The image store comes last: when another output fails, no name has moved.
  for (const output of outputs.toSorted((a, b) => Number(isPlainStore(a)) - Number(isPlainStore(b)))) {
    const exported = await exportTo(output, exporting);
    if (exported) done.push(exported);
  }
  return resultOf(done, exporting);
}

/** What was built, with its layers merged when the request wants that. */
async function squashed(built: readonly BuiltPlatform[], context: ExportContext): Promise<readonly BuiltPlatform[]> {
  const { request, squashed: known, progress } = context;
  const { squash: mode } = request;
  if (mode === undefined) return built;
  return asStep(progress, `squashing layers (${mode})`, async () => {
    const all: BuiltPlatform[] = [];
    for (const one of built) all.push({ ...one, stage: await squash(one.stage, mode, { ...context, known }) });
    return all;
  });
}

function isPlainStore(output: Output): boolean {
  return output.kind === 'image' && !output.push;
}

async function begin(built: readonly BuiltPlatform[], context: ExportContext): Promise<Exporting> {
  const { dependencies, request, cache, lease, signal } = context;
  const { content, layerBlobs } = dependencies;
  const platforms: ConfiguredPlatform[] = [];
  for (const { platform, stage, epoch, inlineCache } of built)
    platforms.push({
      platform,
      stage,
      config: await writeConfig(stage, { content, cache, lease, labels: request.labels, epoch, inlineCache }),
    });
  const withIndex = wantsIndex(request);
  const attestor = new Attestor({ ...context, built });
  const attest = (i: number, subject: Descriptor): Promise<AttestationManifest> =>
    attestor.forIndex(built[i]!, subject);
  const documentContext = {
    content,
    compressor: new LayerCompressor(content, layerBlobs),
    lease,
    signal,
    ...(attestor.inIndex ? { attest } : {}),
  };
  const written = new Map<string, Promise<ImageDocuments>>();
  const documents = (form: ImageForm): Promise<ImageDocuments> => {
    const key = JSON.stringify(form);
    const known = written.get(key) ?? writeDocuments(platforms, form, withIndex, documentContext);
    written.set(key, known);
    return known;
  };
  return { ...context, built, platforms, attestor, withIndex, documents };
}

function exportTo(output: Output, exporting: Exporting): Promise<Exported | undefined> {
  switch (output.kind) {
    case 'image':
      return exportImage(output, exporting);
    case 'archive':
      return exportArchive(output, exporting);
    case 'files':
      return exportFiles(output, exporting);
    case 'none':
      return Promise.resolve(undefined);
  }
}

/** Docker's keys. Of several images the first output's counts. */
function resultOf(done: readonly Exported[], { platforms, withIndex, attestor }: Exporting): BuildResult {
  const [first] = done;
  if (!first) return { tags: [], metadata: {} };
  const { target } = first;
  const names = done.flatMap((one) => one.names.map(formatReference));
  const tags = done.flatMap((one) => (one.tagged ? one.names.map(formatReference) : []));
  const config = withIndex ? undefined : platforms[0]?.config.digest;
  return {
    imageId: config ?? target.digest,
    tags: [...new Set(tags)],
    metadata: {
      ...attestor.metadata(),
      ...(config === undefined ? {} : { 'containerimage.config.digest': config }),
      'containerimage.descriptor': target,
      'containerimage.digest': target.digest,
      ...(names.length === 0 ? {} : { 'image.name': [...new Set(names)].join(',') }),
    },
  };
}

function platformsOf({ platforms = [] }: BuildRequest): readonly Platform[] {
  return platforms.length === 0 ? [hostPlatform()] : platforms;
}

/** One platform makes a plain manifest, unless the build argument wants an index of it, as in BuildKit. */
function wantsIndex(request: BuildRequest): boolean {
  const text = request.buildArgs['BUILDKIT_MULTI_PLATFORM'];
  if (platformsOf(request).length > 1 || attestsInIndex(request)) return true;
  return text !== undefined && /^(?:1|t|true)$/i.test(text);
}
