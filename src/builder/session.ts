import { hash } from 'node:crypto';
import { basename } from 'node:path';
import { IgnoreMatcher, type Dockerfile, type Stage } from '../dockerfile/index.ts';
import type { Log } from '../base/index.ts';
import type { ContentStore } from '../content/index.ts';
import type { Image, Unpacker } from '../image/index.ts';
import { formatPlatform, parsePlatform, type ChainID, type Platform } from '../oci/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';
import type { BuildCache } from './cache/build-cache.ts';
import type { BuildContext } from './context/build-context.ts';
import type { FilesContext, LayoutContext } from './context/named-contexts.ts';
import { loadLayout } from './context/oci-layout.ts';
import { openFiles, type OpenFiles } from './context/open-files.ts';
import { digestUnits } from './copy/digest-units.ts';
import { selectUnits, walkUnit, type CopyUnit } from './copy/select.ts';
import { httpMaterial, type Downloads } from './copy/downloads.ts';
import { gitMaterial } from './copy/git-sources.ts';
import type { BuildExplainer } from './explain/build-explainer.ts';
import { FilesRead } from './explain/files-read.ts';
import type { GitAccess } from './git/git-auth.ts';
import type { GitRepositories } from './git/repositories.ts';
import { imageMaterial, packageUrl } from './image-material.ts';
import { Materials } from './materials.ts';
import type { BuildArgs } from './plan/build-args.ts';
import { withNearName } from './plan/near-name.ts';
import type { Source, StageGraph } from './plan/stage-graph.ts';
import type { PlatformProgress, StepProgress } from './progress.ts';
import type { CacheMounts } from './run/cache-mounts.ts';
import type { FailedSteps } from './run/failed-steps.ts';
import { credentialsFor } from './registry-credentials.ts';
import type { TravellingSelection } from './remote-cache/cache-document.ts';
import type { ImportedCache } from './remote-cache/imported-cache.ts';
import { temporaryKey, type Scratch } from './scratch.ts';
import type { Solver } from './solver.ts';
import type { StageResult, StepOrigin } from './stage-result.ts';
import type { FileDigests } from './tree/file-digests.ts';
import { FileTree } from './tree/file-tree.ts';
import type { BuildLease, BuildRequest, BuilderDependencies, Drained, StepExecutor } from './types.ts';

/** Files a COPY or a bind mount reads: the context, or a stack of layers (undefined: none). */
export type FileSource =
  | { readonly kind: 'context' }
  | { readonly kind: 'layers'; readonly chainId: ChainID | undefined }
  | { readonly kind: 'files'; readonly name: string; readonly files: FilesContext };

export interface Selection {
  readonly sources: readonly string[];
  readonly exclude: readonly string[];
  readonly parents: boolean;
  readonly keepOwner: boolean;
  /** False when all files get the same permissions; default true. */
  readonly keepMode?: boolean;
}

export interface SessionOptions {
  readonly request: BuildRequest;
  readonly dockerfile: Dockerfile;
  readonly context: BuildContext;
  readonly digests: FileDigests | undefined;
  readonly args: BuildArgs;
  readonly graph: StageGraph;
  readonly platform: Platform;
  /** SOURCE_DATE_EPOCH, seconds. */
  readonly epoch: number | undefined;
  /** The platform, when the user asked for it. */
  readonly requestedPlatform: Platform | undefined;
  readonly progress: PlatformProgress;
  readonly lease: BuildLease;
  readonly signal: AbortSignal;
  readonly solver: Solver;
  readonly cache: BuildCache;
  readonly imported: ImportedCache;
  readonly cacheMounts: CacheMounts;
  readonly scratch: Scratch;
  readonly repositories: GitRepositories;
  readonly downloads: Downloads;
  readonly content: ContentStore;
  readonly unpacker: Unpacker;
  /** Remembered digests of a folder that stays. */
  digestsOf(folder: string): Promise<FileDigests>;
  readonly snapshotter: Snapshotter;
  readonly executor: StepExecutor;
  readonly failedSteps: FailedSteps;
  readonly drained: Drained | undefined;
  readonly explainer: BuildExplainer;
  readonly log: Log;
  readonly resolveBase: BuilderDependencies['resolveBase'];
  readonly pins?: BuilderDependencies['pins'];
  buildStage(stage: Stage, session: BuildSession): Promise<StageResult>;
}

/** One build: what all its stages share. Everything it opened is closed when it is disposed. */
export class BuildSession implements AsyncDisposable {
  readonly o: SessionOptions;
  readonly #stages = new Map<Stage, Promise<StageResult>>();
  readonly #bases = new Map<string, Promise<Image>>();
  readonly #files = new Map<string, Promise<OpenFiles>>();
  readonly #trees = new Map<string, Promise<FileTree>>();
  readonly #knownBases = new Map<string, Image>();
  readonly #closers: (() => Promise<void>)[] = [];
  /** Images, repositories and files from elsewhere that this build used. */
  readonly materials = new Materials();
  /** Instructions by the cache record they used. */
  readonly origins = new Map<string, StepOrigin>();
  /** Files that steps read: for explaining. */
  readonly filesRead = new FilesRead();
  /** Cache records this build used. */
  readonly usedKeys = new Set<string>();
  /** Digests of files in layers this build used. */
  readonly usedSelections = new Map<string, TravellingSelection>();

  constructor(options: SessionOptions) {
    this.o = options;
    const { git, http } = options.context;
    if (git) this.materials.add(gitMaterial(git));
    if (http) this.materials.add(httpMaterial(http));
  }

  /** What repositories' servers may be shown. */
  get gitAccess(): GitAccess & { readonly signal: AbortSignal } {
    const { request, signal } = this.o;
    return { secrets: request.secrets, sshAgent: request.ssh?.['default'], signal };
  }

  /** A stage's result; each is built once, when somebody first asks. */
  stage(stage: Stage): Promise<StageResult> {
    let result = this.#stages.get(stage);
    if (!result) {
      result = this.o.buildStage(stage, this);
      result.catch(() => undefined);
      this.#stages.set(stage, result);
    }
    return result;
  }

  /** Waits until nothing runs any more, whatever became of it. */
  async settled(): Promise<void> {
    for (let seen = -1; seen !== this.#stages.size;) {
      seen = this.#stages.size;
      await Promise.allSettled(this.#stages.values());
    }
  }

  /** A base image, held by the build's lease. Asked for once. */
  base(reference: string, platform: string | undefined, step?: StepProgress): Promise<Image> {
    const { wanted, key } = this.#baseKey(reference, platform);
    let image = this.#bases.get(key);
    if (!image) {
      image = this.#resolve(reference, wanted, step).catch((error: unknown) => {
        throw withNearName(error, reference, this.o.dockerfile.stages);
      });
      image.then(
        (found) => this.#knownBases.set(key, found),
        () => undefined,
      );
      this.#bases.set(key, image);
    }
    return image;
  }

  /** A base image that base() has found by now. */
  knownBase(reference: string, platform: string | undefined): Image | undefined {
    return this.#knownBases.get(this.#baseKey(reference, platform).key);
  }

  /** An image of an OCI layout, held by the build's lease. Read once. */
  layout(layout: LayoutContext, platform: string | undefined): Promise<Image> {
    const wanted = platform === undefined ? this.o.platform : parsePlatform(platform);
    return this.#once(this.#bases, JSON.stringify([layout, formatPlatform(wanted)]), async () => {
      const image = await loadLayout(layout, { ...this.o, platform: wanted });
      this.materials.add(imageMaterial(`pkg:oci/${encodeURIComponent(basename(layout.path))}`, image));
      return image;
    });
  }

  /** What `--from` names, as files. */
  async filesOf(source: Source): Promise<FileSource> {
    switch (source.kind) {
      case 'scratch':
        return { kind: 'layers', chainId: undefined };
      case 'stage':
        return { kind: 'layers', chainId: (await this.stage(source.stage)).layers.at(-1)?.chainId };
      case 'image':
        return { kind: 'layers', chainId: (await this.base(source.reference, source.platform)).layers.at(-1)?.chainId };
      case 'layout':
        return { kind: 'layers', chainId: (await this.layout(source.layout, source.platform)).layers.at(-1)?.chainId };
      case 'files':
        return source;
    }
  }

  /** Opens files for reading; open until the build ends. */
  open(source: FileSource): Promise<FileTree> {
    if (source.kind === 'context') return Promise.resolve(this.o.context.tree);
    if (source.kind === 'files') return this.#named(source).then(({ tree }) => tree);
    const key = source.chainId ?? '';
    let tree = this.#trees.get(key);
    if (!tree) {
      tree = this.#mountLayers(source.chainId);
      tree.catch(() => undefined);
      this.#trees.set(key, tree);
    }
    return tree;
  }

  /** Digest of what is selected. For layers, which never change, it is remembered, and nothing is mounted to find it again. */
  async digest(source: FileSource, selection: Selection): Promise<{ readonly digest: string }> {
    const chainId = source.kind === 'layers' ? source.chainId : undefined;
    // Files of the context get the epoch itself, those of layers keep their times.
    const keepTimes = this.o.epoch !== undefined && source.kind === 'layers';
    const asked = keepTimes ? [chainId, selection, 'times'] : [chainId, selection];
    const key = chainId === undefined ? undefined : hash('sha256', JSON.stringify(asked));
    const known = key === undefined ? undefined : await this.#knownSelection(key);
    if (known !== undefined && key !== undefined && chainId !== undefined) {
      this.usedSelections.set(key, { key, chainId, digest: known });
      this.filesRead.add({ digest: known, source, selection });
      return { digest: known };
    }
    const tree = await this.open(source);
    const { sources, parents, exclude, keepOwner, keepMode = true } = selection;
    const result = await digestUnits(tree, selectUnits(tree, sources, { parents }), {
      exclude: exclude.length > 0 ? IgnoreMatcher.of(exclude) : undefined,
      keepOwner,
      keepMode,
      special: source.kind === 'layers',
      keepTimes,
      known:
        source.kind === 'files'
          ? (await this.#named(source)).digests
          : source.kind === 'context'
            ? this.o.digests
            : undefined,
      signal: this.o.signal,
    });
    if (key !== undefined && chainId !== undefined) {
      this.o.cache.rememberSelection(key, chainId, result.digest);
      this.usedSelections.set(key, { key, chainId, digest: result.digest });
    }
    this.filesRead.add({ digest: result.digest, source, selection, list: result.list });
    return { digest: result.digest };
  }

  async #knownSelection(key: string): Promise<string | undefined> {
    return this.o.cache.selection(key) ?? (await this.o.imported.selection(key))?.digest;
  }

  /** The same selection, to copy. */
  async select(source: FileSource, selection: Selection): Promise<{ tree: FileTree; units: CopyUnit[] }> {
    const tree = await this.open(source);
    return { tree, units: selectUnits(tree, selection.sources, { parents: selection.parents }) };
  }

  /** Whether what is selected is not any more what its digest was made of. Of layers it always is. */
  async hasChanged(source: FileSource, selection: Selection): Promise<boolean> {
    if (source.kind === 'layers') return false;
    const { tree, units } = await this.select(source, selection);
    for (const unit of units) {
      if (tree.hasChanged(unit.path, unit.stat)) return true;
      for await (const entries of walkUnit(tree, unit, undefined, this.o.signal))
        if (entries.some(({ path, stat }) => tree.hasChanged(path, stat))) return true;
    }
    return false;
  }

  /** A new scratch folder that lives as long as the build. */
  async folder(): Promise<string> {
    const folder = await this.o.scratch.folder('files');
    this.onEnd(folder.release);
    return folder.path;
  }

  /** Runs `release` when the build ends. */
  onEnd(release: () => Promise<void>): void {
    this.#closers.push(release);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.splice(0).reverse())
      await close().catch((error: unknown) => this.o.log.warn('build clean-up failed', { error: String(error) }));
  }

  #baseKey(reference: string, platform: string | undefined): { wanted: Platform | undefined; key: string } {
    const wanted = platform === undefined ? this.o.requestedPlatform : parsePlatform(platform);
    return { wanted, key: `${reference} ${wanted ? formatPlatform(wanted) : ''}` };
  }

  #named({ name, files }: Extract<FileSource, { kind: 'files' }>): Promise<OpenFiles> {
    return this.#once(this.#files, JSON.stringify(files), () => openFiles(name, files, this));
  }

  #once<T>(all: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
    let made = all.get(key);
    if (!made) {
      made = make();
      made.catch(() => undefined);
      all.set(key, made);
    }
    return made;
  }

  async #resolve(reference: string, platform: Platform | undefined, step: StepProgress | undefined): Promise<Image> {
    const { request, lease, signal } = this.o;
    const credentials = credentialsFor(reference, request.credentials ?? {});
    const image = await this.o.resolveBase(reference, {
      pull: request.pull,
      onProgress: ({ id = '', status = '', progressDetail }) =>
        step?.progress(id, status, progressDetail?.current, progressDetail?.total),
      signal,
      ...(platform ? { platform } : {}),
      ...(credentials ? { credentials } : {}),
    });
    this.materials.add(imageMaterial(packageUrl(reference, image.config), image));
    await lease.addDigest(image.id);
    await lease.addDigest(image.manifest.digest);
    for (const layer of image.layers) await lease.addDigest(layer.blob.digest);
    const top = image.layers.at(-1);
    if (top) await lease.addSnapshot(top.chainId);
    return image;
  }

  async #mountLayers(chainId: ChainID | undefined): Promise<FileTree> {
    const { scratch, snapshotter } = this.o;
    if (chainId === undefined) {
      return this.#ownTree(await this.folder());
    }
    const key = temporaryKey();
    const mount = await snapshotter.view(key, chainId);
    this.onEnd(() => snapshotter.remove(key));
    const mounted = await scratch.mounted(mount);
    this.onEnd(mounted.release);
    return this.#ownTree(mounted.path);
  }

  #ownTree(path: string): FileTree {
    const tree = new FileTree(path);
    this.onEnd(async () => tree[Symbol.dispose]());
    return tree;
  }
}
