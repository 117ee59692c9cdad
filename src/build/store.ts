import { setTimeout as sleep } from 'node:timers/promises';
import { join, resolve } from 'node:path';
import { SILENT_LOG } from '../base/index.ts';
import { Client } from '../client/index.ts';
import { openEngine, StoreInUse, type BuildEvent as EngineEvent, type Engine } from '../engine/index.ts';
import { LadingError, type ErrorCode } from '../errors/index.ts';
import { parsePlatform } from '../oci/index.ts';
import type { BuildEvent, BuildOptions, BuildResult, StepRecord, StoreOptions } from './build-options.ts';
import { findDaemon } from './find-daemon.ts';
import type { Targets } from './graph.ts';
import type { Store } from './open-store.ts';
import { targetsOf } from './program.ts';
import { runBuild } from './running-build.ts';
import { prepare, userCredentials, type Prepared } from './settings.ts';

const DEFAULT_DATA_ROOT = '/var/lib/lading';
const DEFAULT_EXEC_ROOT = '/run/lading';
const RETRY_MS = 200;

interface Progress {
  readonly onEvent: (event: BuildEvent) => void;
  readonly signal: AbortSignal;
}

/** See open-store.ts. */
export async function openStore(options: StoreOptions & { readonly signal?: AbortSignal } = {}): Promise<Store> {
  const backend = await openBackend(options, options.signal);
  const close = (): Promise<void> => backend.close();
  return {
    build: (image, settings = {}) =>
      runBuild((onEvent, signal) => backend.build(targetsOf(image), settings, { onEvent, signal }), settings),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** One build on a store that is opened for it. */
export async function buildTargets(targets: Targets, options: BuildOptions, progress: Progress): Promise<BuildResult> {
  const backend = await openBackend(options, progress.signal);
  try {
    return await backend.build(targets, options, progress);
  } finally {
    await backend.close();
  }
}

interface Backend {
  build(targets: Targets, options: BuildOptions, progress: Progress): Promise<BuildResult>;
  close(): Promise<void>;
}

async function openBackend(options: StoreOptions, signal: AbortSignal | undefined): Promise<Backend> {
  const dataRoot = resolve(options.dataRoot ?? DEFAULT_DATA_ROOT);
  const host = options.host ?? (options.dataRoot === undefined ? process.env['LADING_HOST'] : undefined);
  if (host !== undefined && host !== '') return daemonBackend(host);
  for (;;) {
    signal?.throwIfAborted();
    const daemon = await findDaemon(dataRoot, dataRoot === DEFAULT_DATA_ROOT);
    if (daemon !== undefined) return daemonBackend(daemon);
    requireRoot(dataRoot);
    try {
      return await engineBackend(dataRoot, options);
    } catch (error) {
      // Another process builds on this store without a daemon: it will be done.
      if (!(error instanceof StoreInUse)) throw error;
      await sleep(RETRY_MS, undefined, signal === undefined ? {} : { signal });
    }
  }
}

function requireRoot(dataRoot: string): void {
  if (process.getuid?.() === 0) return;
  throw new LadingError(
    'permission_denied',
    `open the store "${dataRoot}": building in this process needs root, and no daemon has the store`,
    {
      hint: 'start ladingd as root and join its socket’s group, or run this program as root; plan() and dryRun() need neither',
    },
  );
}

/** Engines of this process, by store; the last user closes. */
const engines = new Map<string, { readonly engine: Promise<Engine>; users: number }>();

async function engineBackend(dataRoot: string, options: StoreOptions): Promise<Backend> {
  const shared = engines.get(dataRoot) ?? { engine: open(dataRoot, options), users: 0 };
  engines.set(dataRoot, shared);
  shared.users++;
  const release = async (): Promise<void> => {
    if (--shared.users > 0) return;
    engines.delete(dataRoot);
    await (await shared.engine).close();
  };
  let engine: Engine;
  try {
    engine = await shared.engine;
  } catch (error) {
    if (--shared.users === 0 && engines.get(dataRoot) === shared) engines.delete(dataRoot);
    throw error;
  }
  let closed = false;
  return {
    build: (targets, settings, progress) => buildHere(engine, targets, settings, progress),
    close: async () => {
      if (closed) return;
      closed = true;
      await release();
    },
  };
}

function open(dataRoot: string, { execRoot, insecureRegistries, registryMirrors }: StoreOptions): Promise<Engine> {
  return openEngine({
    dataRoot,
    execRoot: resolve(execRoot ?? (dataRoot === DEFAULT_DATA_ROOT ? DEFAULT_EXEC_ROOT : join(dataRoot, 'run'))),
    log: SILENT_LOG,
    ...(insecureRegistries === undefined ? {} : { insecureRegistries }),
    ...(registryMirrors === undefined ? {} : { registryMirrors }),
  });
}

async function buildHere(
  engine: Engine,
  targets: Targets,
  options: BuildOptions,
  progress: Progress,
): Promise<BuildResult> {
  const { settings, folder, secrets } = await prepare(targets, options);
  const records = new Records(progress.onEvent);
  const result = await engine.builder.build(
    {
      ...settings,
      platforms: (options.platforms ?? []).map((text) => parsePlatform(text)),
      credentials: (await userCredentials()) ?? {},
      context: { kind: 'directory', path: folder },
      secrets,
    },
    { onEvent: (event) => records.event(event), signal: progress.signal },
  );
  return records.result(result, settings);
}

function daemonBackend(host: string): Backend {
  const client = new Client({ host });
  return {
    build: (targets, options, progress) => buildThere(client, targets, options, progress),
    close: async () => client[Symbol.dispose](),
  };
}

async function buildThere(
  client: Client,
  targets: Targets,
  options: BuildOptions,
  progress: Progress,
): Promise<BuildResult> {
  const prepared = await prepare(targets, options);
  const { settings, secrets } = prepared;
  const records = new Records(progress.onEvent);
  const events = client.images.build(
    contextFor(client, prepared),
    { ...settings, platforms: [...(options.platforms ?? [])], secrets: Object.fromEntries(secrets) },
    { credentials: (await userCredentials()) ?? {}, signal: progress.signal },
  );
  for await (const event of events) {
    if (event.kind === 'error')
      throw new LadingError(
        (event.code ?? 'internal') as ErrorCode,
        event.message,
        event.hint === undefined ? {} : { hint: event.hint },
      );
    if (event.kind === 'result') return records.result(event, settings);
    records.event(event);
  }
  throw new LadingError('internal', 'build: the daemon ended the connection without a result');
}

function contextFor(client: Client, { folder }: Prepared): { kind: 'directory'; path: string } {
  if (client.isLocal) return { kind: 'directory', path: folder };
  throw new LadingError('not_implemented', `build: the daemon at ${client.host} is on another machine`, {
    hint: 'lading -H … build -f build.ts sends the context there',
  });
}

/** Hands events on and remembers the steps that ended. */
class Records {
  readonly #onEvent: (event: BuildEvent) => void;
  readonly #steps: StepRecord[] = [];

  constructor(onEvent: (event: BuildEvent) => void) {
    this.#onEvent = onEvent;
  }

  event(event: EngineEvent): void {
    if (event.kind === 'step' && (event.status === 'cached' || event.status === 'done')) {
      const { stage, name, status, durationMs = 0, key, sizeBytes, platform } = event;
      this.#steps.push({
        stage,
        name,
        cached: status === 'cached',
        durationMs,
        ...(key === undefined ? {} : { key }),
        ...(sizeBytes === undefined ? {} : { sizeBytes }),
        ...(platform === undefined ? {} : { platform }),
      });
    }
    if (isShown(event)) this.#onEvent(event);
  }

  result(
    {
      imageId,
      tags,
      metadata,
    }: { imageId?: string; tags: readonly string[]; metadata: Readonly<Record<string, unknown>> },
    { dockerfileText = '' }: { dockerfileText?: string },
  ): BuildResult {
    const digest = metadata['containerimage.digest'];
    return {
      ...(imageId === undefined ? {} : { imageId }),
      ...(typeof digest === 'string' ? { digest } : {}),
      tags,
      steps: this.#steps,
      metadata,
      dockerfile: dockerfileText,
    };
  }
}

function isShown(event: EngineEvent): event is Extract<EngineEvent, BuildEvent> {
  return ['step', 'output', 'progress', 'warning', 'explain'].includes(event.kind);
}
