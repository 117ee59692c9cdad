import { statfs } from 'node:fs/promises';
import type { Log } from '../base/index.ts';
import { messageOf } from '../errors/index.ts';
import type { BuildEngine, BuildCachePolicy } from './types.ts';

const DAY_MS = 24 * 3600 * 1000;
const MAX_AGE_MS = 60 * DAY_MS;
const GB = 1e9;
const DELAY_MS = 20_000;

/** BuildKit's: four fifths of the disk but no more than 100 GB, a fifth of it stays free, a tenth (10 GB at most) is the cache's own. */
export async function defaultPolicy(folder: string): Promise<Required<Omit<BuildCachePolicy, 'enabled'>>> {
  const { blocks, bsize } = await statfs(folder);
  const disk = blocks * bsize;
  return {
    maxUsedBytes: Math.min(disk * 0.8, 100 * GB),
    minFreeBytes: disk * 0.2,
    reservedBytes: Math.min(disk * 0.1, 10 * GB),
    maxAgeMs: MAX_AGE_MS,
  };
}

/** Keeps the build cache within its limits: asked after each build, works in the background. */
export class BuildCacheLimits {
  readonly #policy: BuildCachePolicy;
  readonly #folder: string;
  readonly #prune: BuildEngine['prune'];
  readonly #log: Log;
  readonly #delayMs: number;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  /** @param delayMs builds one after the other are not slowed: so long after the first of them it is looked */
  constructor(policy: BuildCachePolicy, folder: string, prune: BuildEngine['prune'], log: Log, delayMs = DELAY_MS) {
    this.#delayMs = delayMs;
    this.#policy = policy;
    this.#folder = folder;
    this.#prune = prune;
    this.#log = log;
  }

  /** Asks for a run; never throws, does not wait. */
  enforce(): void {
    if (this.#policy.enabled === false) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#running = (this.#running ?? Promise.resolve()).then(() => this.#run());
    }, this.#delayMs).unref();
  }

  /** Ends what is planned and waits for what runs. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    await this.#once().catch((error: unknown) =>
      this.#log.warn('build cache could not be kept within its limits', { error: messageOf(error) }),
    );
  }

  /** The old first, whatever the size; then the least recently used until the size fits. */
  async #once(): Promise<void> {
    const { maxAgeMs, ...limits } = { ...(await defaultPolicy(this.#folder)), ...this.#policy };
    const freed = { items: 0, bytes: 0 };
    const add = ({ deleted, spaceReclaimed }: { deleted: readonly string[]; spaceReclaimed: number }): void => {
      freed.items += deleted.length;
      freed.bytes += spaceReclaimed;
    };
    if (maxAgeMs > 0)
      add(await this.#prune({ all: false, filters: { 'unused-for': [`${Math.round(maxAgeMs / 1000)}s`] } }));
    const { maxUsedBytes, minFreeBytes, reservedBytes } = limits;
    if (maxUsedBytes > 0 || minFreeBytes > 0)
      add(await this.#prune({ all: false, filters: {}, maxUsedBytes, minFreeBytes, reservedBytes }));
    if (freed.items > 0) this.#log.info('build cache was above its limits', freed);
  }
}
