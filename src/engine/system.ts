import { readFileSync } from 'node:fs';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import type { Builder } from '../builder/index.ts';
import type { ContainerRuntime } from '../runtime/index.ts';
import type { EventBus } from './events.ts';
import { folderSize } from './folder-size.ts';
import type {
  ContainerEngine,
  EngineEvent,
  Filters,
  ImageEngine,
  SystemEngine,
  SystemInfo,
  VolumeEngine,
} from './types.ts';

export interface SystemOptions {
  readonly id: string;
  readonly dataRoot: string;
  readonly cgroupVersion: '1' | '2';
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
  readonly debug: boolean;
  readonly warnings: readonly string[];
}

export interface SystemDependencies {
  readonly containers: ContainerEngine;
  readonly images: ImageEngine;
  readonly volumes: VolumeEngine;
  readonly runtime: ContainerRuntime;
  readonly events: EventBus;
  readonly buildCache: () => ReturnType<Builder['cacheUsage']>;
}

/** What `info`, `events` and `system df` tell. */
export class LocalSystem implements SystemEngine {
  readonly #d: SystemDependencies;
  readonly #options: SystemOptions;
  readonly #startedAt = new Date().toISOString();

  constructor(dependencies: SystemDependencies, options: SystemOptions) {
    this.#d = dependencies;
    this.#options = options;
  }

  async info(): Promise<SystemInfo> {
    const containers = await this.#d.containers.list();
    const count = (...statuses: string[]): number =>
      containers.filter(({ state }) => statuses.includes(state.status)).length;
    const proxy = (name: string): string => process.env[name] ?? process.env[name.toLowerCase()] ?? '';
    return {
      ...this.#options,
      name: hostname(),
      kernelVersion: release(),
      operatingSystem: operatingSystem(),
      architecture: arch() === 'x64' ? 'x86_64' : arch() === 'arm64' ? 'aarch64' : arch(),
      cpus: cpus().length,
      memoryBytes: totalmem(),
      cgroupDriver: 'cgroupfs',
      runtime: this.#d.runtime.description,
      storageDriver: 'overlay2',
      containers: {
        total: containers.length,
        running: count('running', 'restarting'),
        paused: count('paused'),
        stopped: count('created', 'exited', 'dead', 'removing'),
      },
      images: (await this.#d.images.list()).length,
      securityOptions: [
        'name=seccomp,profile=builtin',
        ...(this.#options.cgroupVersion === '2' ? ['name=cgroupns'] : []),
      ],
      httpProxy: proxy('HTTP_PROXY'),
      httpsProxy: proxy('HTTPS_PROXY'),
      noProxy: proxy('NO_PROXY'),
      startedAt: this.#startedAt,
    };
  }

  events(options: {
    sinceMs?: number;
    untilMs?: number;
    filters: Filters;
    signal: AbortSignal;
  }): AsyncIterable<EngineEvent> {
    return this.#d.events.subscribe(options);
  }

  async diskUsage(): ReturnType<SystemEngine['diskUsage']> {
    const { containers, images, volumes } = this.#d;
    const imageViews = await images.list();
    const containerViews = await containers.list();
    const sizes = await Promise.all(
      containerViews.map(async ({ id }) => {
        const { rw, rootfs } = await containers.size(id);
        return { id, sizeRw: rw, sizeRootFs: rootfs };
      }),
    );
    const volumeSizes = await Promise.all(
      (await volumes.list()).map(async ({ name, mountpoint }) => ({
        name,
        size: await folderSize(mountpoint),
        refCount: containerViews.filter(({ mounts }) => mounts.some((mount) => mount.name === name)).length,
      })),
    );
    const shared = sharedSizes(
      imageViews.map((view) => ({ id: view.id, size: view.sizeBytes, diffIds: view.diffIds })),
    );
    return { ...shared, containers: sizes, volumes: volumeSizes, buildCache: await this.#d.buildCache() };
  }
}

/** Images that stand on one another share; without sizes a layer here, the shared part of an image is what its largest base takes. */
function sharedSizes(images: readonly { id: string; size: number; diffIds: readonly string[] }[]): {
  layersSize: number;
  images: { id: string; size: number; sharedSize: number }[];
} {
  const isBaseOf = (base: readonly string[], other: readonly string[]): boolean =>
    base.length > 0 && base.length <= other.length && base.every((diffId, i) => diffId === other[i]);
  const rows = images.map((image) => {
    const bases = images.filter((other) => other.id !== image.id && isBaseOf(other.diffIds, image.diffIds));
    return { id: image.id, size: image.size, sharedSize: Math.max(0, ...bases.map((base) => base.size)) };
  });
  return { layersSize: rows.reduce((sum, row) => sum + row.size - row.sharedSize, 0), images: rows };
}

function operatingSystem(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]+)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  } catch {
    return 'Linux';
  }
}
