import { setTimeout as sleep } from 'node:timers/promises';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { SILENT_LOG } from '../base/index.ts';
import { checkDestinations, ReceivedExports, tarOfFolder } from '../client/files/index.ts';
import { Client, type BuildContext } from '../client/index.ts';
import {
  openEngine,
  StoreInUse,
  type BuildEvent as EngineEvent,
  type BuildResult as EngineResult,
  type Engine,
} from '../engine/index.ts';
import { LadingError, isLadingError, type ErrorCode } from '../errors/index.ts';
import { parsePlatform } from '../oci/index.ts';
import type { BuildEvent, BuildOptions, BuildResult, StoreOptions } from './build-options.ts';
import { findDaemon } from './find-daemon.ts';
import type { Targets } from './graph.ts';
import type { Store } from './open-store.ts';
import { targetsOf } from './program.ts';
import { callerPlace } from './place.ts';
import { Records } from './records.ts';
import { runBuild } from './running-build.ts';
import { prepare, userCredentials, type Prepared } from './settings.ts';

const DEFAULT_DATA_ROOT = '/var/lib/lading';
const DEFAULT_EXEC_ROOT = '/run/lading';
const RETRY_MS = 200;

interface Progress {
  readonly onEvent: (event: BuildEvent) => void;
  readonly signal: AbortSignal;
  /** The file that asked for the build. */
  readonly program: string;
}

/** See open-store.ts. */
export async function openStore(options: StoreOptions & { readonly signal?: AbortSignal } = {}): Promise<Store> {
  const backend = await openBackend(options, options.signal);
  const close = (): Promise<void> => backend.close();
  return {
    build: (image, settings = {}) => {
      const { file: program } = callerPlace();
      const work = (onEvent: Progress['onEvent'], signal: AbortSignal): Promise<BuildResult> =>
        backend.build(targetsOf(image), settings, { onEvent, signal, program });
      return runBuild(work, settings);
    },
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

/** What both ways of building are asked and tell. */
type Follow = (emit: (event: EngineEvent) => void, signal: AbortSignal, prepared: Prepared) => Promise<EngineResult>;

/** Prepares a build, follows it, writes the outputs it sends. */
async function build(
  targets: Targets,
  options: BuildOptions,
  progress: Progress,
  { follow, fetch }: { follow: Follow; fetch: (id: string) => Promise<Readable> },
): Promise<BuildResult> {
  const prepared = await prepare(targets, options, progress.program);
  const { outputs = [] } = prepared.settings;
  await checkDestinations(outputs, process.stdout);
  const records = new Records(prepared, progress.onEvent);
  const note = (message: string): void => progress.onEvent({ kind: 'warning', message });
  const received = new ReceivedExports(outputs, { fetch, stdout: process.stdout, note });
  const emit = (event: EngineEvent): void => {
    if (event.kind === 'export') received.begin(event);
    records.event(event);
  };
  const signal = AbortSignal.any([progress.signal, received.signal]);
  try {
    return records.result(await received.around(() => follow(emit, signal, prepared)));
  } catch (error) {
    throw records.placed(error);
  }
}

async function buildHere(
  engine: Engine,
  targets: Targets,
  options: BuildOptions,
  progress: Progress,
): Promise<BuildResult> {
  const credentials = (await userCredentials()) ?? {};
  const platforms = (options.platforms ?? []).map((text) => parsePlatform(text));
  return build(targets, options, progress, {
    fetch: (id) => engine.builder.openExport(id),
    follow: (onEvent, signal, { settings, folder, secrets }) =>
      engine.builder.build(
        { ...settings, platforms, credentials, context: { kind: 'directory', path: folder }, secrets },
        { onEvent, signal },
      ),
  });
}

function daemonBackend(host: string): Backend {
  const client = new Client({ host });
  return {
    build: (targets, options, progress) => buildThere(client, targets, options, progress),
    close: async () => client[Symbol.dispose](),
  };
}

/** The context's folder is read in place by a daemon that may, else it is sent. */
async function buildThere(
  client: Client,
  targets: Targets,
  options: BuildOptions,
  progress: Progress,
): Promise<BuildResult> {
  const inPlace = (folder: string): BuildContext => ({ kind: 'directory', path: folder });
  const sent = (folder: string): BuildContext => ({ kind: 'tar', tar: tarOfFolder(folder) });
  const attempt = (context: (folder: string) => BuildContext): Promise<BuildResult> =>
    build(targets, options, progress, {
      fetch: (id) => client.images.buildExport(id),
      follow: (emit, signal, prepared) =>
        followDaemon(client, context(prepared.folder), prepared, { ...options, signal }, emit),
    });
  if (!client.isLocal) return attempt(sent);
  try {
    return await attempt(inPlace);
  } catch (error) {
    if (!isLadingError(error, 'permission_denied')) throw error;
    return attempt(sent);
  }
}

async function followDaemon(
  client: Client,
  context: BuildContext,
  { settings, secrets }: Prepared,
  { platforms = [], signal }: { platforms?: readonly string[]; signal: AbortSignal },
  emit: (event: EngineEvent) => void,
): Promise<EngineResult> {
  const credentials = (await userCredentials()) ?? {};
  const asked = { ...settings, platforms: [...platforms], secrets: Object.fromEntries(secrets) };
  for await (const event of client.images.build(context, asked, { credentials, signal })) {
    if (event.kind === 'error')
      throw new LadingError(
        (event.code ?? 'internal') as ErrorCode,
        event.message,
        event.hint === undefined ? {} : { hint: event.hint },
      );
    if (event.kind === 'result') return event;
    emit(event);
  }
  throw new LadingError('internal', 'build: the daemon ended the connection without a result');
}
