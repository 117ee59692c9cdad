import type { Readable } from 'node:stream';
import type {
  Builder,
  PruneOptions,
  Rebuilder,
  RebuildRequest,
  RebuildVerdict,
  TerminalSize,
  Drained,
} from '../builder/index.ts';
import { LocalCacheMounts } from './cache-mounts.ts';
import type { BuildHistory } from './builds/index.ts';
import { LadingError } from '../errors/index.ts';
import type { EventBus } from './events.ts';
import type { BuildEngine, BuildEvent, BuildRequest, BuildResult, BuildRun } from './types.ts';

/** Use cases of builds. What a failed build stored is collected; its good steps stay cached. */
export class LocalBuilder implements BuildEngine {
  readonly #builder: Builder;
  readonly #rebuilder: Rebuilder;
  readonly #events: EventBus;
  readonly #collect: () => Promise<number>;
  readonly history: BuildHistory;
  readonly cacheMounts: LocalCacheMounts;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  /** Told when a build has ended. */
  onEnd: () => void = () => undefined;

  constructor(
    builder: Builder,
    rebuilder: Rebuilder,
    events: EventBus,
    history: BuildHistory,
    collect: () => Promise<number>,
  ) {
    this.#builder = builder;
    this.#rebuilder = rebuilder;
    this.#events = events;
    this.history = history;
    this.cacheMounts = new LocalCacheMounts(builder);
    this.#collect = collect;
  }

  async build(
    request: BuildRequest,
    { signal, ...options }: { onEvent: (event: BuildEvent) => void; signal?: AbortSignal; drained?: Drained },
  ): Promise<BuildResult> {
    const either = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
    const build = this.#build(request, { ...options, signal: either });
    this.#running.add(build);
    try {
      return await build;
    } finally {
      this.#running.delete(build);
    }
  }

  /** Cancels the builds that run; returns when they have released everything. */
  async close(): Promise<void> {
    this.#closing.abort(new LadingError('cancelled', 'build: the daemon is stopping'));
    await Promise.allSettled(this.#running);
  }

  async #build(
    request: BuildRequest,
    options: { onEvent: (event: BuildEvent) => void; signal: AbortSignal; drained?: Drained },
  ): Promise<BuildResult> {
    const { id, recorder } = this.history.begin(request);
    const onEvent = (event: BuildEvent): void => {
      recorder.observe(event);
      options.onEvent(event);
    };
    try {
      const result = await this.#builder.build(request, { ...options, onEvent });
      await this.history.finish(id, { result });
      if (result.imageId !== undefined)
        for (const name of result.tags) this.#events.publish('image', 'tag', result.imageId, { name });
      return { ...result, metadata: { ...result.metadata, 'buildx.build.ref': id } };
    } catch (error) {
      await this.history.finish(id, { error });
      await this.#collect().catch(() => 0);
      throw error;
    } finally {
      this.onEnd();
    }
  }

  why(build: string | undefined): BuildRun {
    return this.#builder.why(build);
  }

  async verify(
    ref: string,
    request: RebuildRequest,
    { onEvent, signal }: { onEvent: (event: BuildEvent) => void; signal?: AbortSignal },
  ): Promise<RebuildVerdict> {
    const either = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
    const work = this.#rebuilder.verify(ref, request, { onEvent, signal: either });
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
      // Its layers are nobody's.
      await this.#collect().catch(() => 0);
    }
  }

  openFailedStep(id: string, size: TerminalSize): ReturnType<BuildEngine['openFailedStep']> {
    return this.#builder.failedSteps.open(id, size);
  }

  resizeFailedStep(id: string, size: TerminalSize): Promise<void> {
    return this.#builder.failedSteps.resize(id, size);
  }

  openExport(id: string): Promise<Readable> {
    return this.#builder.openExport(id);
  }

  /** What the garbage collector could not free is not claimed. */
  async prune(options: PruneOptions): ReturnType<BuildEngine['prune']> {
    const { items, layerBytes, mountBytes } = await this.#builder.prune(options);
    const collected = options.dryRun ? layerBytes : Math.min(layerBytes, await this.#collect());
    return { items, deleted: items.map(({ id }) => id), spaceReclaimed: collected + mountBytes };
  }
}
