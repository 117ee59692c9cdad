import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { LadingError } from '../../errors/index.ts';
import { RUNTIME_ENV, type RuntimeDriver } from '../oci/index.ts';
import { SyncPipe } from './sync-pipe.ts';

const MAX_STDERR_BYTES = 16 * 1024;
const SYNC_FD = 3;
const START_FD = 4;
const ATTACH_FD = 5;

/** What create and exec share. */
export interface MonitorRequest {
  /** The container's id. */
  readonly id: string;
  /** Folder for the bundle, sockets and pipes; conmon's working directory. */
  readonly dir: string;
  /** What `findMonitor` looks for: unique for this monitor. */
  readonly uuid: string;
  readonly pidFile: string;
  readonly monitorPidFile: string;
  /** Where `exit` and `oom` are written. */
  readonly persistDir: string;
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly leaveStdinOpen: boolean;
  /** "none" or "k8s-file:<path>" */
  readonly log: string;
  readonly logMaxBytes?: number | undefined;
}

/** Why the runtime did not do it, in its own words. */
export class MonitorError extends Error {
  override readonly name = 'MonitorError';
}

/**
 * Starts conmon, which calls the OCI runtime and stays as the container's parent: it holds the streams, writes the log and
 * the exit file, and outlives this process. conmon's pipes: 3 sync (pid, errors, an exec's exit), 4 start, 5 attach.
 */
export class Conmon {
  readonly path: string;
  readonly #driver: RuntimeDriver;

  constructor(path: string, driver: RuntimeDriver) {
    this.path = path;
    this.#driver = driver;
  }

  /** Creates the container of the bundle in `request.dir`. @returns its pid @throws MonitorError */
  async create(request: MonitorRequest): Promise<number> {
    const child = this.#spawn(request, [], { _OCI_SYNCPIPE: `${SYNC_FD}` }, 1);
    const stderr = collect(child.stderr as Readable);
    const sync = new SyncPipe(child.stdio[SYNC_FD] as Readable);
    try {
      await spawned(child);
      return await pidFrom(sync, stderr);
    } finally {
      sync.close();
    }
  }

  /**
   * Starts a process in a running container.
   * @param beforeRun called when the attach socket is there and the process does not run yet
   */
  async exec(
    request: MonitorRequest,
    processSpec: string,
    beforeRun: (() => void) | undefined,
  ): Promise<{ readonly pid: number; readonly exitCode: Promise<number | undefined> }> {
    const env = { _OCI_SYNCPIPE: `${SYNC_FD}`, _OCI_STARTPIPE: `${START_FD}`, _OCI_ATTACHPIPE: `${ATTACH_FD}` };
    const args = ['--exec', '--exec-attach', '--exec-process-spec', processSpec];
    const child = this.#spawn(request, args, env, 3);
    const stderr = collect(child.stderr as Readable);
    const sync = new SyncPipe(child.stdio[SYNC_FD] as Readable);
    const start = child.stdio[START_FD] as Writable;
    const attach = new SyncPipe((child.stdio as readonly unknown[])[ATTACH_FD] as Readable);
    start.on('error', () => undefined);
    try {
      await spawned(child);
      start.write('\0'); // lets conmon itself begin
      if ((await attach.next()) === undefined) throw new MonitorError(stderr());
      beforeRun?.();
      start.end('\0'); // lets the process run
      const pid = await pidFrom(sync, stderr);
      return {
        pid,
        exitCode: sync
          .next()
          .then((message) => message?.data)
          .finally(() => sync.close()),
      };
    } catch (error) {
      sync.close();
      throw error;
    } finally {
      attach.close();
      start.destroy();
    }
  }

  #spawn(
    request: MonitorRequest,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    pipes: number,
  ): ChildProcess {
    const all = [...this.#argsOf(request), ...args];
    return spawn(this.path, all, {
      cwd: request.dir,
      env: { ...RUNTIME_ENV, ...env },
      stdio: ['ignore', 'ignore', 'pipe', ...Array.from({ length: pipes }, () => 'pipe' as const)],
    });
  }

  #argsOf(request: MonitorRequest): string[] {
    const { id, uuid, dir, pidFile, monitorPidFile, persistDir, log, logMaxBytes } = request;
    const options = {
      '--api-version': '1',
      '--cid': id,
      '--name': id,
      '--cuuid': uuid,
      '--runtime': this.#driver.program.path,
      '--bundle': dir,
      '--container-pidfile': pidFile,
      '--conmon-pidfile': monitorPidFile,
      '--persist-dir': persistDir,
      '--log-path': log,
    };
    return [
      ...Object.entries(options).flat(),
      ...this.#driver.globalArgs.flatMap((arg) => ['--runtime-arg', arg]),
      '--full-attach',
      '--no-sync-log',
      ...(logMaxBytes === undefined ? [] : ['--log-size-max', String(logMaxBytes)]),
      ...(request.terminal ? ['--terminal'] : []),
      ...(request.stdin ? ['--stdin'] : []),
      ...(request.stdin && request.leaveStdinOpen ? ['--leave-stdin-open'] : []),
    ];
  }
}

/** @throws unavailable when conmon cannot be run */
async function spawned(child: ChildProcess): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
  } catch (error) {
    throw new LadingError('unavailable', `run ${child.spawnfile}: it could not be started`, {
      cause: error,
      hint: 'install the package conmon',
    });
  }
}

async function pidFrom(sync: SyncPipe, stderr: () => string): Promise<number> {
  const message = await sync.next();
  if (message && message.data > 0) return message.data;
  throw new MonitorError(message?.message ?? stderr());
}

function collect(stream: Readable): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => (text = (text + chunk).slice(-MAX_STDERR_BYTES)));
  stream.on('error', () => undefined);
  return () => text;
}
