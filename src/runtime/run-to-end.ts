import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { LadingError } from '../errors/index.ts';
import { RUNTIME_ENV, startFailure, type RuntimeDriver } from './oci/index.ts';
import type { OciSpec } from './spec/index.ts';

/** A returned promise holds back what is printed. */
type OnOutput = (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void> | undefined | void;

export interface RunIo {
  readonly onOutput: OnOutput;
  readonly stdin?: Readable;
  readonly signal?: AbortSignal;
  /** Called at the end when the kernel killed something inside for want of memory. Only runc keeps the cgroup long enough to tell. */
  readonly onOutOfMemory?: () => void;
}

const KILL_RETRY_MS = 100;
const STARTED_CHECK_MS = 10;

/**
 * `run` by the OCI runtime itself, which passes our pipes on to the process and cleans up after it.
 * @throws cancelled, or the {@link StartError} failure when the program could not start
 */
export async function runToEnd(
  driver: RuntimeDriver,
  id: string,
  dir: string,
  spec: OciSpec,
  io: RunIo,
): Promise<number> {
  io.signal?.throwIfAborted();
  const pidFile = join(dir, 'run.pid');
  rmSync(pidFile, { force: true });
  await writeFile(join(dir, 'config.json'), JSON.stringify(spec), { mode: 0o600 });
  const keep = io.onOutOfMemory !== undefined && driver.program.name === 'runc' ? ['--keep'] : [];
  const args = [...driver.globalArgs, 'run', ...keep, '--bundle', dir, '--pid-file', pidFile, id];
  const child = spawn(driver.program.path, args, {
    cwd: dir,
    env: RUNTIME_ENV,
    stdio: [io.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  if (io.stdin) feed(io.stdin, child);
  const output = new HeldOutput(() => existsSync(pidFile), io.onOutput);
  passOn(child.stdout!, (chunk) => output.stdout(chunk), io.signal);
  passOn(child.stderr!, (chunk) => output.stderr(chunk), io.signal);
  const stopKilling = killOnAbort(driver, id, io.signal);
  try {
    const status = await ended(child);
    if (io.signal?.aborted) throw new LadingError('cancelled', 'run: cancelled', { cause: io.signal.reason });
    if (keep.length > 0 && driver.outOfMemoryKills(id) > 0) io.onOutOfMemory?.();
    const said = output.finish();
    if (said === undefined) return status;
    throw startFailure('create', driver.program.name, said, spec.process.args[0] ?? '');
  } finally {
    stopKilling();
    if (driver.state(id)) await driver.delete(id);
  }
}

function feed(stdin: Readable, child: ChildProcess): void {
  // A process that ends without reading its input closes the pipe: its right.
  child.stdin?.on('error', () => stdin.unpipe());
  stdin.on('error', () => child.stdin?.end());
  if (child.stdin) stdin.pipe(child.stdin);
}

/** Reads on when the receiver has taken a chunk; at once when the run is cancelled, for then nobody does. */
function passOn(
  stream: Readable,
  receive: (chunk: Buffer) => Promise<void> | undefined | void,
  signal: AbortSignal | undefined,
): void {
  const resume = (): void => void stream.resume();
  signal?.addEventListener('abort', resume, { once: true });
  stream.once('close', () => signal?.removeEventListener('abort', resume));
  stream.on('data', (chunk: Buffer) => {
    const taken = receive(chunk);
    if (!taken || signal?.aborted) return;
    stream.pause();
    void taken.finally(resume);
  });
}

async function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 255));
  });
}

/** Kills everything in the container, again until there is one: a cancelled run may be just being created. */
function killOnAbort(driver: RuntimeDriver, id: string, signal: AbortSignal | undefined): () => void {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const kill = (): void => {
    if (stopped) return;
    void driver.killAll(id).catch(() => undefined);
    timer = setTimeout(kill, KILL_RETRY_MS);
  };
  signal?.addEventListener('abort', kill, { once: true });
  return () => {
    stopped = true;
    clearTimeout(timer);
    signal?.removeEventListener('abort', kill);
  };
}

/**
 * Passes output on, but holds standard error back until the process has started: until then it is the runtime's own
 * complaint, which becomes an error and is no output.
 */
class HeldOutput {
  readonly #hasStarted: () => boolean;
  readonly #onOutput: OnOutput;
  #held: Buffer[] = [];
  #started = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(hasStarted: () => boolean, onOutput: OnOutput) {
    this.#hasStarted = hasStarted;
    this.#onOutput = onOutput;
  }

  stdout(chunk: Buffer): Promise<void> | undefined | void {
    return this.#onOutput('stdout', chunk);
  }

  stderr(chunk: Buffer): Promise<void> | undefined | void {
    if (this.#started && this.#held.length === 0) return this.#onOutput('stderr', chunk);
    this.#held.push(chunk);
    this.#release();
  }

  /** At the end: what the runtime said when the process never started, else undefined. */
  finish(): string | undefined {
    clearTimeout(this.#timer);
    if (!this.#started && !this.#hasStarted()) return Buffer.concat(this.#held).toString('utf8');
    this.#flush();
    return undefined;
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#started ||= this.#hasStarted();
    if (this.#started) this.#flush();
    else this.#timer = setTimeout(() => this.#release(), STARTED_CHECK_MS);
  }

  #flush(): void {
    for (const chunk of this.#held.splice(0)) void this.#onOutput('stderr', chunk);
  }
}
