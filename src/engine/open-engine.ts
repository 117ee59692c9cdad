import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { closeFd, flock, LOCK } from '../sys/index.ts';
import { writeFileAtomic, type Log } from '../base/index.ts';
import { Builder, Rebuilder, type BuilderDependencies, type Holders } from '../builder/index.ts';
import { LocalContentStore } from '../content/index.ts';
import { RegistryClient } from '../distribution/index.ts';
import { LadingError, messageOf } from '../errors/index.ts';
import { ImageStore, LayerBlobs, Referrers, Unpacker, type Image } from '../image/index.ts';
import { hostPlatform, parseReference, platformMatches, withDefaultTag, type Platform } from '../oci/index.ts';
import { openMetadata } from '../metadata/index.ts';
import { NetworkManager } from '../network/index.ts';
import { cgroupVersion, openRuntime } from '../runtime/index.ts';
import { OverlaySnapshotter, overlayMounter } from '../snapshot/index.ts';
import { VolumeStore } from '../volume/index.ts';
import { BuildCacheLimits } from './build-cache-limits.ts';
import { LocalBuilder } from './build-engine.ts';
import { BuildHistory } from './builds/index.ts';
import { Committer } from './containers/committer.ts';
import { LocalContainers } from './containers/container-engine.ts';
import { ContainerFiles } from './containers/container-files.ts';
import { ContainerNetworking } from './containers/container-networking.ts';
import { ContainerTable } from './containers/container-table.ts';
import { ExecSessions } from './containers/exec-sessions.ts';
import { InitLayers } from './containers/init-layer.ts';
import { Lifecycle } from './containers/lifecycle.ts';
import { EventBus } from './events.ts';
import { Collector } from './collector.ts';
import { LocalImages } from './images/image-engine.ts';
import { ImageImporter } from './images/image-importer.ts';
import { ImageLoader } from './images/image-loader.ts';
import { ImagePuller } from './images/image-puller.ts';
import { ImagePusher } from './images/image-pusher.ts';
import { removeCgroupParent, sweepLeftovers } from './leftovers.ts';
import { hasProcess, isUp, snapshotKeyOf } from './containers/container-record.ts';
import { Leases } from './leases.ts';
import { LocalNetworks } from './networks.ts';
import { RuntimeStepExecutor } from './step-executor.ts';
import { LocalSystem } from './system.ts';
import type { BuildCachePolicy, Engine } from './types.ts';
import { LocalVolumes } from './volumes.ts';

export interface EngineOptions {
  /** Durable state; one engine at a time. */
  readonly dataRoot: string;
  /** Run-time state, gone with a reboot. */
  readonly execRoot: string;
  readonly insecureRegistries?: readonly string[];
  readonly registryMirrors?: readonly string[];
  /** OCI runtime, by name or path. Default: crun where it works, else runc. */
  readonly runtime?: string | undefined;
  readonly debug?: boolean;
  readonly buildCache?: BuildCachePolicy;
  readonly log: Log;
}

const INIT_PROGRAMS = [
  '/usr/bin/tini-static',
  '/usr/bin/tini',
  '/usr/libexec/podman/catatonit',
  '/usr/bin/catatonit',
  '/usr/bin/dumb-init',
];
const LOG_MAX_BYTES = 20 * 1024 * 1024;

/**
 * Opens the engine on a store: takes its lock, repairs what a crash left, follows the containers that still run.
 * The caller closes it; containers outlive it.
 * @throws unavailable (another engine has the store; a system package is missing), permission_denied
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { dataRoot, execRoot, log } = options;
  mkdirSync(dataRoot, { recursive: true, mode: 0o711 });
  mkdirSync(execRoot, { recursive: true, mode: 0o711 });
  const unlock = lockStore(dataRoot);
  try {
    return await assemble(options, unlock);
  } catch (error) {
    unlock();
    log.debug('opening the engine failed');
    throw error;
  }
}

/** The kernel drops the lock with the process, however it ends. */
function lockStore(dataRoot: string): () => void {
  const fd = openSync(join(dataRoot, 'lock'), 'a+', 0o600);
  if (flock(fd, LOCK.EX | LOCK.NB)) return () => closeFd(fd);
  closeFd(fd);
  throw new StoreInUse(dataRoot);
}

/** Another process has the store's lock. */
export class StoreInUse extends LadingError {
  constructor(dataRoot: string) {
    super('unavailable', `open the store "${dataRoot}": another lading daemon is using it`, {
      hint: 'stop that daemon, or give this one its own --data-root and --exec-root',
    });
  }
}

async function engineId(dataRoot: string): Promise<string> {
  const path = join(dataRoot, 'engine-id');
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  const id = randomUUID();
  await writeFileAtomic(path, `${id}\n`, { mode: 0o644 });
  return id;
}

async function assemble(options: EngineOptions, unlock: () => void): Promise<Engine> {
  const { dataRoot, execRoot, log } = options;
  const trash = join(dataRoot, 'trash');
  await rm(trash, { recursive: true, force: true });
  mkdirSync(trash, { recursive: true, mode: 0o700 });
  const stepsRoot = join(execRoot, 'steps');
  const buildRoot = join(dataRoot, 'build');
  const metadata = openMetadata(join(dataRoot, 'metadata.db'));
  const content = await LocalContentStore.open(join(dataRoot, 'content'), { log });
  const snapshotter = await OverlaySnapshotter.open(join(dataRoot, 'snapshots'), metadata);
  const runtime = await openRuntime({
    execRoot,
    ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
    log,
  });
  const networks = NetworkManager.open({ dataRoot, runDir: join(execRoot, 'netns'), metadata, log });
  const events = new EventBus();
  const leases = new Leases();
  const images = new ImageStore(content, metadata);
  const layerBlobs = new LayerBlobs(content, metadata);
  const unpacker = new Unpacker(content, snapshotter, layerBlobs);
  const volumeStore = new VolumeStore(join(dataRoot, 'volumes'), trash, metadata);
  const table = new ContainerTable(metadata);
  const networking = new ContainerNetworking(networks, table);
  const mounter = overlayMounter;
  const cgroupParent = '/lading';
  const client = new RegistryClient({
    insecureRegistries: options.insecureRegistries ?? [],
    mirrors: options.registryMirrors ?? [],
    log,
    ca: extraCertificates(),
  });
  const lifecycle = new Lifecycle({
    table,
    runtime,
    snapshotter,
    mounter,
    networking,
    volumes: volumeStore,
    events,
    stateRoot: join(dataRoot, 'containers'),
    runRoot: join(execRoot, 'containers'),
    cgroupParent,
    initPath: INIT_PROGRAMS.find((path) => existsSync(path)),
    logMaxBytes: LOG_MAX_BYTES,
    log,
  });
  const referrers = new Referrers(metadata);
  const parts: BuilderDependencies = {
    content,
    snapshotter,
    images,
    layerBlobs,
    unpacker,
    metadata,
    registries: client,
    executor: new RuntimeStepExecutor({ runtime, mounter, networks, runRoot: stepsRoot, cgroupParent, log }),
    mounter,
    scratchDir: buildRoot,
    certificates: extraCertificates(),
    resolveBase: (reference, request) => resolveBase(images, puller, reference, request),
    lease: () => leases.take(),
    holders: async () => ({ kept: await keptBy(collector, log), running: leases.held() }),
    log,
  };
  const builder = new Builder(parts);
  const rebuilder = new Rebuilder({ ...parts, referrers });
  const history = await BuildHistory.open(metadata, buildRoot, log);
  const collector = new Collector({
    referrers,
    content,
    snapshotter,
    images,
    layerBlobs,
    unpacker,
    table,
    builder,
    leases,
    log,
  });
  const collect = (): Promise<number> => collector.collect();
  const shared = { content, images, referrers, layerBlobs, unpacker, events, leases, collect };
  const puller = new ImagePuller({ ...shared, client });
  const execs = new ExecSessions(
    runtime,
    (id) => lifecycle.pathsOf(id),
    (record, action, attributes) => lifecycle.publish(record, action, attributes),
  );
  const containers = new LocalContainers({
    table,
    lifecycle,
    files: new ContainerFiles({
      snapshotter,
      mounter,
      rootfsOf: (id) => lifecycle.rootfsOf(id),
      locks: lifecycle.locks,
    }),
    execs,
    committer: new Committer({ ...shared, snapshotter }),
    initLayers: new InitLayers(snapshotter, mounter, stepsRoot),
    images,
    snapshotter,
    runtime,
    volumes: volumeStore,
    trash,
    log,
  });
  const localImages = new LocalImages({
    content,
    images,
    referrers,
    puller,
    pusher: new ImagePusher({ ...shared, client }),
    loader: new ImageLoader(shared),
    importer: new ImageImporter(shared),
    events,
    leases,
    containersOf: (imageId) =>
      table
        .all()
        .filter((record) => record.imageId === imageId)
        .map((record) => ({ id: record.id, running: isUp(record) })),
    collect,
  });
  const volumes = new LocalVolumes(volumeStore, events, (name) =>
    table
      .all()
      .filter((record) => record.mounts.some((mount) => mount.name === name))
      .map((record) => record.id),
  );
  const system = new LocalSystem(
    { containers, images: localImages, volumes, runtime, events, buildCache: () => builder.cacheUsage() },
    {
      id: await engineId(dataRoot),
      dataRoot,
      cgroupVersion: cgroupVersion(),
      insecureRegistries: options.insecureRegistries ?? [],
      registryMirrors: options.registryMirrors ?? [],
      debug: options.debug ?? false,
      warnings: [],
    },
  );
  await snapshotter.reconcile();
  await sweepLeftovers({
    runtime,
    mounter,
    snapshotter,
    stepsRoot,
    buildRoot,
    containerKeys: new Set(table.all().map((record) => snapshotKeyOf(record.id))),
    log,
  });
  await content.sweepIngests(0);
  await lifecycle.reconcile();
  void collect().catch(() => undefined);
  const builds = new LocalBuilder(builder, rebuilder, events, history, collect);
  const cacheLimits = new BuildCacheLimits(options.buildCache ?? {}, dataRoot, (asked) => builds.prune(asked), log);
  builds.onEnd = () => cacheLimits.enforce();
  const close = async (): Promise<void> => {
    lifecycle.close();
    await builds.close();
    if (table.all().some(hasProcess)) await networks.close();
    else {
      // Nothing of an engine without containers stays on the host; bridge, rules and cgroups come back with the next one.
      await networks.destroy();
      removeCgroupParent(cgroupParent);
    }
    await cacheLimits.close();
    await collector.idle();
    await snapshotter.close();
    client[Symbol.dispose]();
    metadata.close();
    unlock();
  };
  return {
    system,
    containers,
    images: localImages,
    networks: new LocalNetworks({
      manager: networks,
      networking,
      table,
      events,
      locks: lifecycle.locks,
      stateDirOf: (id) => lifecycle.pathsOf(id).stateDir,
    }),
    volumes,
    builder: builds,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** An image that cannot be opened keeps the collector from freeing anything; the cache can be looked at all the same. */
async function keptBy(collector: Collector, log: Log): Promise<Holders['kept']> {
  try {
    return await collector.kept();
  } catch (error) {
    log.warn('what images need of the build cache is not known', { error: messageOf(error) });
    return { digests: new Set(), snapshots: new Set() };
  }
}

type ResolveBase = ConstructorParameters<typeof Builder>[0]['resolveBase'];

/** A base image: the local one, unless there is none, it is for another platform, or `--pull` asks for the newest. */
async function resolveBase(
  images: ImageStore,
  puller: ImagePuller,
  ...[reference, request]: Parameters<ResolveBase>
): ReturnType<ResolveBase> {
  const { platform, pull } = request;
  const local = pull ? undefined : await localBase(images, reference, platform);
  if (local) return local;
  return puller.pull(withDefaultTag(parseReference(reference)), {
    onProgress: request.onProgress,
    ...(platform ? { platform, beside: !platformMatches(hostPlatform(), platform) } : {}),
    ...(request.credentials ? { credentials: request.credentials } : {}),
    ...(request.signal ? { signal: request.signal } : {}),
  });
}

async function localBase(images: ImageStore, reference: string, platform?: Platform): Promise<Image | undefined> {
  if (platform) return images.findFor(reference, platform);
  const found = images.find(reference);
  return found && images.open(found.record);
}

/** Certificates of the machine's own authority, where its administrator names a file (bin/ladingd hands NODE_EXTRA_CA_CERTS over). */
function extraCertificates(): string[] {
  const path = process.env['LADING_EXTRA_CA_CERTS'] ?? process.env['NODE_EXTRA_CA_CERTS'];
  return path !== undefined && path !== '' && existsSync(path) ? [readFileSync(path, 'utf8')] : [];
}
