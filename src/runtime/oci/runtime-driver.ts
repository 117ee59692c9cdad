import { closeSync, constants, existsSync, openSync, readSync, unlinkSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, type CommandResult } from '../../base/index.ts';
import { errnoOf, LadingError } from '../../errors/index.ts';
import { watchFd } from '../../sys/index.ts';
import { Cgroup } from '../host/cgroup.ts';
import { isAlive, processEnd, signalProcess } from '../host/process-info.ts';
import type { OciResources } from '../spec/index.ts';
import type { RuntimeProgram } from './find-runtime.ts';
import { isRunning, readRuntimeState, type RuntimeState } from './runtime-state.ts';
import { runtimeMessage } from './start-error.ts';

const COMMAND_TIMEOUT_MS = 60_000;
const KILLED_GRACE_MS = 10_000;
const SIGKILL = 9;

/** runc is a Go program: one thread is enough for what it does, and starts sooner. No variable of ours reaches it. */
export const RUNTIME_ENV: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  GOMAXPROCS: '1',
};

/**
 * One OCI runtime with its state folder. What can be done by a file or a signal is done so; the program is spawned for
 * create, exec and run (by the callers), for `update`, and where the short way does not apply.
 */
export class RuntimeDriver {
  readonly program: RuntimeProgram;
  readonly root: string;

  constructor(program: RuntimeProgram, root: string) {
    this.program = program;
    this.root = root;
  }

  /** Options before the verb. */
  get globalArgs(): readonly string[] {
    return ['--root', this.root];
  }

  /** undefined when there is no such container. */
  state(id: string): RuntimeState | undefined {
    return readRuntimeState(this.program.name, this.root, id);
  }

  /** Lets a created container's program run. */
  async start(id: string): Promise<void> {
    if (this.program.name === 'runc' && (await this.#openFifo(id))) return;
    await this.#run(['start', id], `start container ${id}`);
  }

  /**
   * What `runc start` does: a created container waits until somebody reads the byte it writes to this pipe.
   * False when there is no pipe, so that runc can say why.
   */
  async #openFifo(id: string): Promise<boolean> {
    const path = join(this.root, id, 'exec.fifo');
    const state = this.state(id);
    if (!state || !existsSync(path)) return false;
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stop = new AbortController();
    const { promise: readable, resolve } = Promise.withResolvers<void>();
    const watch = watchFd(fd, resolve);
    try {
      const died = processEnd(state.pid, () => isAlive(state.pid, state.startTime), { signal: stop.signal });
      await Promise.race([readable, died]);
      died.catch(() => undefined);
      const started = readByte(fd);
      if (started) unlinkSync(path);
      return started;
    } finally {
      stop.abort();
      watch.close();
      closeSync(fd);
    }
  }

  /** Changes limits of a running container. */
  async update(id: string, resources: OciResources): Promise<void> {
    const dir = await mkdtemp(join(this.root, '.update-'));
    try {
      const file = join(dir, 'resources.json');
      await writeFile(file, JSON.stringify(resources));
      await this.#run(['update', '--resources', file, id], `update container ${id}`);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  /**
   * Kills what runs and removes the cgroup and the runtime's record. Does itself what the runtime's `delete` would,
   * and calls that where it meets anything unexpected. Idempotent.
   */
  async delete(id: string): Promise<void> {
    const state = this.state(id);
    if (state && !state.needsRuntime && (await this.#remove(id, state))) return;
    if (!existsSync(join(this.root, id))) return;
    const result = await this.#spawn(['delete', '--force', id]);
    if (existsSync(join(this.root, id)))
      throw new LadingError('internal', `delete container ${id}: ${runtimeMessage(result.stderr)}`);
  }

  /** SIGKILL to everything inside; returns when the main process is gone. Nothing happens when there is no container. */
  async killAll(id: string): Promise<void> {
    const state = this.state(id);
    if (state) await killAll(new Cgroup(state.cgroups), state);
  }

  /** Processes of a container, running or kept, that the kernel killed for want of memory. */
  outOfMemoryKills(id: string): number {
    const state = this.state(id);
    return state ? new Cgroup(state.cgroups).outOfMemoryKills() : 0;
  }

  async #remove(id: string, state: RuntimeState): Promise<boolean> {
    const cgroup = new Cgroup(state.cgroups);
    await killAll(cgroup, state);
    if (!(await cgroup.remove())) return false;
    await rm(join(this.root, id), { recursive: true, force: true });
    return true;
  }

  async #run(args: readonly string[], attempted: string): Promise<void> {
    const { status, stderr } = await this.#spawn(args);
    if (status !== 0) throw new LadingError('internal', `${attempted}: ${runtimeMessage(stderr)}`);
  }

  #spawn(args: readonly string[]): Promise<CommandResult> {
    return runCommand(this.program.path, [...this.globalArgs, ...args], {
      env: RUNTIME_ENV,
      timeoutMs: COMMAND_TIMEOUT_MS,
    });
  }
}

/** SIGKILL to everything inside; the end of the main process is waited for. */
async function killAll(cgroup: Cgroup, state: RuntimeState): Promise<void> {
  const inside = cgroup.pids();
  if (inside.length === 0 && !isRunning(state)) return;
  cgroup.signalAll(SIGKILL);
  await cgroup.thaw();
  if (!isRunning(state)) return;
  signalProcess(state.pid, SIGKILL);
  const signal = AbortSignal.timeout(KILLED_GRACE_MS);
  await processEnd(state.pid, () => isAlive(state.pid, state.startTime), { signal }).catch(() => undefined);
}

function readByte(fd: number): boolean {
  try {
    return readSync(fd, Buffer.alloc(1), 0, 1, null) === 1;
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return false;
    throw error;
  }
}
