import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SILENT_LOG } from '../../src/base/index.ts';
import {
  Builder,
  type BuildEvent,
  type BuildRequest,
  type BuildResult,
  type ExecutedStep,
  type Holdings,
  type StepExecutor,
  type StepTerminal,
} from '../../src/builder/index.ts';
import { LocalContentStore } from '../../src/content/index.ts';
import { RegistryClient } from '../../src/distribution/index.ts';
import { LeaseSet, collectGarbage } from '../../src/gc/index.ts';
import { ImageStore, LayerBlobs, Unpacker, type Image } from '../../src/image/index.ts';
import type { Digest } from '../../src/oci/index.ts';
import { openMetadata } from '../../src/metadata/index.ts';
import { cgroupLayout, openRuntime, type ContainerRuntime } from '../../src/runtime/index.ts';
import { OverlaySnapshotter, overlayMounter } from '../../src/snapshot/index.ts';
import { makeBusyboxRoot } from './busybox.ts';

const CGROUP = `lading-builder-test-${process.pid}`;

/** Runs steps with the real runtime, without a network of their own. */
class HarnessExecutor implements StepExecutor {
  readonly runs: string[][] = [];
  readonly #runtime: ContainerRuntime;
  readonly #dir: string;

  constructor(runtime: ContainerRuntime, dir: string) {
    this.#runtime = runtime;
    this.#dir = dir;
  }

  async run(step: ExecutedStep, io: Parameters<StepExecutor['run']>[1]): Promise<number> {
    this.runs.push([...step.process.args]);
    const id = `build-${randomBytes(8).toString('hex')}`;
    const dir = join(this.#dir, id);
    const rootfs = join(dir, 'rootfs');
    mkdirSync(rootfs, { recursive: true });
    overlayMounter.mount(step.mount, rootfs);
    try {
      writeFileSync(join(dir, 'hosts'), '127.0.0.1 localhost\n');
      const hosts = {
        type: 'bind',
        source: join(dir, 'hosts'),
        target: '/etc/hosts',
        options: ['rbind', 'rprivate', 'rw'],
      };
      return await this.#runtime.runToEnd(
        {
          id,
          process: step.process,
          rootfs,
          readonlyRootfs: false,
          hostname: step.hostname,
          mounts: [...step.mounts, hosts],
          namespaces: { pid: 'new', network: 'new', ipc: 'new', uts: 'new', cgroup: 'new' },
          privileged: false,
          capAdd: [],
          capDrop: [],
          securityOpt: [],
          devices: [],
          sysctls: {},
          ulimits: [],
          resources: {},
          cgroupPath: `/${CGROUP}/${id}`,
          annotations: {},
        },
        dir,
        io,
      );
    } finally {
      overlayMounter.unmount(rootfs);
      rmSync(dir, { recursive: true });
    }
  }

  async openTerminal(): Promise<StepTerminal> {
    throw new Error('the harness has no terminals: use a daemon');
  }
}

async function keptByImages(images: ImageStore): Promise<Holdings> {
  const [digests, snapshots] = [new Set<Digest>(), new Set<string>()];
  for (const record of images.records()) {
    const image = await images.open(record);
    for (const digest of [image.id, image.manifest.digest]) digests.add(digest);
    for (const { blob, chainId } of image.layers) {
      digests.add(blob.digest);
      snapshots.add(chainId);
    }
  }
  return { digests, snapshots };
}

/** A builder on a store of its own in a temporary folder. */
export class BuilderHarness {
  readonly dir: string;
  readonly builder: Builder;
  readonly images: ImageStore;
  readonly executor: HarnessExecutor;
  readonly snapshotter: OverlaySnapshotter;
  readonly content: LocalContentStore;
  /** Deletes what neither images nor the cache need. */
  readonly collect: () => Promise<void>;
  readonly #metadata: ReturnType<typeof openMetadata>;

  private constructor(
    parts: Pick<BuilderHarness, 'dir' | 'builder' | 'images' | 'executor' | 'snapshotter' | 'content' | 'collect'>,
    metadata: ReturnType<typeof openMetadata>,
  ) {
    this.dir = parts.dir;
    this.builder = parts.builder;
    this.images = parts.images;
    this.executor = parts.executor;
    this.snapshotter = parts.snapshotter;
    this.content = parts.content;
    this.collect = parts.collect;
    this.#metadata = metadata;
  }

  /** With an image "busybox" built from scratch, unless `bare`. `dir` reopens an earlier store; `fake` runs the steps instead of the runtime. */
  static async open(
    dir = mkdtempSync(join(tmpdir(), 'lading-builder-')),
    { bare = false, fake }: { readonly bare?: boolean; readonly fake?: StepExecutor } = {},
  ): Promise<BuilderHarness> {
    const metadata = openMetadata(join(dir, 'metadata.db'));
    const content = await LocalContentStore.open(join(dir, 'content'));
    const snapshotter = await OverlaySnapshotter.open(join(dir, 'snapshots'), metadata);
    const runtime = await openRuntime({ execRoot: join(dir, 'run'), log: SILENT_LOG });
    const images = new ImageStore(content, metadata);
    const executor = new HarnessExecutor(runtime, join(dir, 'steps'));
    const leases = new LeaseSet();
    const layerBlobs = new LayerBlobs(content, metadata);
    const builder = new Builder({
      content,
      snapshotter,
      images,
      layerBlobs,
      unpacker: new Unpacker(content, snapshotter, layerBlobs),
      metadata,
      registries: new RegistryClient({ log: SILENT_LOG }),
      executor: fake ?? executor,
      mounter: overlayMounter,
      scratchDir: join(dir, 'build'),
      resolveBase: async (reference): Promise<Image> => images.open(images.resolve(reference).record),
      lease: () => leases.take(),
      holders: async () => ({ kept: await keptByImages(images), running: leases.held() }),
      log: SILENT_LOG,
    });
    const collect = async (): Promise<void> => {
      const roots = async (): Promise<Holdings> => {
        const [kept, cache] = [await keptByImages(images), builder.cacheRoots()];
        return {
          digests: new Set([...kept.digests, ...cache.digests]),
          snapshots: new Set([...kept.snapshots, ...cache.snapshots]),
        };
      };
      await collectGarbage({ content, snapshotter, leases, roots });
      await snapshotter.close();
    };
    const harness = new BuilderHarness({ dir, builder, images, executor, snapshotter, content, collect }, metadata);
    if (!bare && !images.find('busybox')) await harness.#makeBusybox();
    return harness;
  }

  async #makeBusybox(): Promise<void> {
    const root = mkdtempSync(join(tmpdir(), 'lading-busybox-'));
    makeBusyboxRoot(root);
    await this.build({
      context: { kind: 'directory', path: root },
      tags: ['busybox'],
      dockerfileText: 'FROM scratch\nCOPY . /\nCMD ["sh"]',
    });
    rmSync(root, { recursive: true });
  }

  async build(
    request: Partial<BuildRequest>,
    options: { signal?: AbortSignal; onEvent?: (event: BuildEvent) => void } = {},
  ): Promise<{ image: Image; events: BuildEvent[]; output: string; statuses: string[]; result: BuildResult }> {
    const events: BuildEvent[] = [];
    const result = await this.builder.build(
      {
        context: { kind: 'directory', path: this.dir },
        dockerfile: 'Dockerfile',
        tags: [],
        buildArgs: {},
        labels: {},
        noCache: false,
        pull: false,
        ...request,
      },
      {
        onEvent: (event) => {
          events.push(event);
          options.onEvent?.(event);
        },
        ...(options.signal ? { signal: options.signal } : {}),
      },
    );
    const output = events.map((event) => (event.kind === 'output' ? event.text : '')).join('');
    const statuses = events.flatMap((event) =>
      event.kind === 'step' && event.status !== 'started' ? [`${event.name.split(' ')[0]} ${event.status}`] : [],
    );
    const { record } = this.images.resolve(result.imageId ?? '');
    return { image: await this.images.open(record), events, output, statuses, result };
  }

  /** A context folder with these files. */
  context(files: Readonly<Record<string, string>>): string {
    const path = mkdtempSync(join(this.dir, 'context-'));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), text);
    }
    return path;
  }

  /** Temporary snapshots, mounts and folders that should not be there when nothing runs. */
  async leftovers(): Promise<string[]> {
    const found: string[] = [];
    for await (const { name, kind } of this.snapshotter.walk()) if (kind !== 'committed') found.push(name);
    for (const kind of ['mounts', 'contexts', 'files']) {
      const path = join(this.dir, 'build', kind);
      if (existsSync(path)) found.push(...readdirSync(path));
    }
    return found;
  }

  /** Ends the store; `keep` leaves the folder for another open. */
  async close(keep = false): Promise<void> {
    await this.snapshotter.close();
    this.#metadata.close();
    if (keep) return;
    rmSync(this.dir, { recursive: true, force: true });
    for (const hierarchy of cgroupLayout().hierarchies) {
      const left = join(hierarchy, CGROUP);
      if (existsSync(left)) rmdirSync(left);
    }
  }
}
