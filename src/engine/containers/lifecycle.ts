import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyedLock, type Log } from '../../base/index.ts';
import { LadingError, messageOf } from '../../errors/index.ts';
import {
  StartError,
  type ContainerPaths,
  type ContainerRuntime,
  type Exit,
  type RootfsMounter,
} from '../../runtime/index.ts';
import type { Snapshotter } from '../../snapshot/index.ts';
import type { VolumeStore } from '../../volume/index.ts';
import type { EventBus } from '../events.ts';
import { copyUpVolumes, runtimeMounts } from './container-mounts.ts';
import { NEVER, isUp, snapshotKeyOf, type ContainerRecord } from './container-record.ts';
import { containerSpecOf } from './container-spec.ts';
import type { ContainerNetworking } from './container-networking.ts';
import type { ContainerTable } from './container-table.ts';
import type { PendingAttachment } from './pending-attachment.ts';
import { nextDelayMs, shouldRestart, shouldStartAtBoot } from './restart-policy.ts';
import { Waiters } from './waiters.ts';

export interface LifecycleDependencies {
  readonly table: ContainerTable;
  readonly runtime: ContainerRuntime;
  readonly snapshotter: Snapshotter;
  readonly mounter: RootfsMounter;
  readonly networking: ContainerNetworking;
  readonly volumes: VolumeStore;
  readonly events: EventBus;
  /** `<data root>/containers` and `<exec root>/containers`. */
  readonly stateRoot: string;
  readonly runRoot: string;
  /** Where containers' cgroups go when no parent is asked for: "/lading". */
  readonly cgroupParent: string;
  readonly initPath: string | undefined;
  readonly logMaxBytes: number;
  readonly log: Log;
}

const SIGKILLED_GRACE_MS = 10_000;

/**
 * Starts and ends containers. One lock a container; whatever a start takes (mount, netns, address, cgroup) is named by the container's id
 * and given back by `release`, which may run any number of times.
 */
export class Lifecycle {
  readonly waiters = new Waiters();
  readonly locks = new KeyedLock();
  readonly #d: LifecycleDependencies;
  readonly #pending = new Map<string, PendingAttachment[]>();
  readonly #restartDelays = new Map<string, number>();
  readonly #restartTimers = new Map<string, NodeJS.Timeout>();
  readonly #closing = new AbortController();
  /** Containers that end only to be started again: `--rm` must not take them. */
  readonly #restarting = new Set<string>();

  constructor(dependencies: LifecycleDependencies) {
    this.#d = dependencies;
  }

  pathsOf(id: string): ContainerPaths {
    return { stateDir: join(this.#d.stateRoot, id), runDir: join(this.#d.runRoot, id) };
  }

  rootfsOf(id: string): string {
    return join(this.#d.runRoot, id, 'rootfs');
  }

  addPending(id: string, attachment: PendingAttachment): void {
    this.#pending.set(id, [...(this.#pending.get(id) ?? []), attachment]);
  }

  /** @throws not_modified, conflict, or the reason the runtime gave (the record is then `exited` with Docker's 125/126/127) */
  async start(record: ContainerRecord): Promise<void> {
    await this.locks.run(record.id, async () => {
      if (record.status === 'running')
        throw new LadingError('not_modified', `container ${record.name} is already running`);
      if (record.status === 'paused')
        throw new LadingError('conflict', 'cannot start a paused container, try unpause instead');
      if (record.status === 'removing' || record.status === 'dead')
        throw new LadingError('conflict', 'container is marked for removal and cannot be started');
      this.#cancelRestart(record.id);
      record.stoppedByUser = false;
      record.restartCount = 0;
      this.#restartDelays.delete(record.id);
      await this.#startLocked(record);
    });
  }

  async #startLocked(record: ContainerRecord): Promise<void> {
    const { runtime, table } = this.#d;
    const paths = this.pathsOf(record.id);
    try {
      const pid = await this.#create(record, paths);
      await this.#attachPending(record, paths);
      await runtime.start(record.id, paths);
      Object.assign(record, {
        status: 'running',
        pid,
        exitCode: 0,
        oomKilled: false,
        error: '',
        startedAt: new Date().toISOString(),
      });
      table.save(record);
    } catch (error) {
      await this.#failStart(record, error);
    }
    // Who attached while the program was being started is connected now.
    await this.#attachPending(record, paths).catch(() => this.endPending(record.id));
    this.#publish(record, 'start');
    this.watch(record);
  }

  /** Everything up to the program waiting to be started; returns its pid. */
  async #create(record: ContainerRecord, paths: ContainerPaths): Promise<number> {
    const { runtime, networking, log } = this.#d;
    await runtime
      .delete(record.id, paths)
      .catch((error: unknown) =>
        log.warn('leftover of an earlier run', { container: record.id, error: messageOf(error) }),
      );
    const rootfs = await this.mountRootfs(record);
    const network = await networking.attach(record, this.rootfsOf(record.id), paths.stateDir);
    this.#d.table.save(record);
    await copyUpVolumes(rootfs, record.mounts);
    const spec = containerSpecOf(record, {
      rootfs,
      networkNamespace: network.namespace,
      shared: this.#sharedNamespaces(record),
      mounts: [...runtimeMounts(record.mounts), ...network.files],
      cgroupPath: join(record.hostConfig.CgroupParent || this.#d.cgroupParent, record.id),
      ...(record.hostConfig.Init ? { initPath: this.#initPath() } : {}),
    });
    const logDriver = record.hostConfig.LogConfig?.Type === 'none' ? 'none' : 'k8s-file';
    const created = await runtime.create(spec, paths, {
      openStdin: record.config.OpenStdin ?? false,
      logDriver,
      logMaxBytes: this.#d.logMaxBytes,
      stdinOnce: record.config.StdinOnce ?? false,
    });
    return created.pid;
  }

  #initPath(): string {
    if (this.#d.initPath !== undefined) return this.#d.initPath;
    throw new LadingError('unavailable', 'start container with --init: no init program found', {
      hint: 'install the package tini (or catatonit, or dumb-init)',
    });
  }

  #sharedNamespaces(record: ContainerRecord): { pid?: { path: string }; ipc?: { path: string } } {
    const of = (mode: string | undefined, kind: 'pid' | 'ipc'): object => {
      if (!mode?.startsWith('container:')) return {};
      const other = this.#d.table.find(mode.slice('container:'.length));
      if (other.status !== 'running')
        throw new LadingError('conflict', `cannot join ${kind} of a non running container: ${other.id}`);
      return { [kind]: { path: `/proc/${other.pid}/ns/${kind}` } };
    };
    return { ...of(record.hostConfig.PidMode, 'pid'), ...of(record.hostConfig.IpcMode, 'ipc') };
  }

  /** Mounts the writable layer where the runtime and `cp` find it. Idempotent. */
  async mountRootfs(record: ContainerRecord): Promise<string> {
    const { snapshotter, mounter } = this.#d;
    const target = this.rootfsOf(record.id);
    await mkdir(target, { recursive: true, mode: 0o711 });
    mounter.unmount(target);
    mounter.mount(await snapshotter.mountOf(snapshotKeyOf(record.id)), target);
    return target;
  }

  async #attachPending(record: ContainerRecord, paths: ContainerPaths): Promise<void> {
    const pending = this.#pending.get(record.id) ?? [];
    const tty = record.config.Tty ?? false;
    for (const attachment of pending)
      attachment.connect(await this.#d.runtime.attach(record.id, paths, { stdin: attachment.wantsStdin, tty }));
    const later = (this.#pending.get(record.id) ?? []).filter((attachment) => !pending.includes(attachment));
    if (later.length > 0) this.#pending.set(record.id, later);
    else this.#pending.delete(record.id);
  }

  /** Ends the streams of clients that wait for a start which does not come. */
  endPending(id: string): void {
    for (const attachment of this.#pending.get(id) ?? []) attachment.end();
    this.#pending.delete(id);
  }

  /** A full disk must not keep anybody waiting for a container that has ended. */
  #save(record: ContainerRecord): void {
    try {
      this.#d.table.save(record);
    } catch (error) {
      this.#d.log.error('the state of a container could not be stored', {
        container: record.id,
        error: messageOf(error),
      });
    }
  }

  async #failStart(record: ContainerRecord, error: unknown): Promise<never> {
    const failure = error instanceof LadingError && error.cause instanceof StartError ? error.cause.failure : undefined;
    const exitCode = failure === 'not_found' ? 127 : failure === 'not_executable' ? 126 : 128;
    Object.assign(record, {
      status: record.startedAt === NEVER ? 'created' : 'exited',
      pid: 0,
      exitCode,
      error: messageOf(error),
    });
    this.endPending(record.id);
    await this.release(record);
    this.#save(record);
    // Without the error's text: the start's own answer brings it, and the stock client would print it twice.
    this.waiters.exited(record.id, { exitCode });
    if (record.hostConfig.AutoRemove) setImmediate(() => void this.autoRemove(record));
    throw error;
  }

  /** Called by the container engine when it removes: set by it, since removal needs more than the lifecycle. */
  autoRemove: (record: ContainerRecord) => Promise<void> = async () => undefined;

  /** Follows a running container to its end. */
  watch(record: ContainerRecord): void {
    const paths = this.pathsOf(record.id);
    this.#d.runtime
      .wait(record.id, paths, { signal: this.#closing.signal })
      .then((exit) => this.#ended(record, exit))
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted)
          this.#d.log.error('watching a container failed', { container: record.id, error: messageOf(error) });
      });
  }

  async #ended(record: ContainerRecord, exit: Exit): Promise<void> {
    const restart = await this.locks.run(record.id, async () => {
      const ranForMs = Date.parse(exit.finishedAt) - Date.parse(record.startedAt);
      Object.assign(record, {
        status: 'exited',
        pid: 0,
        exitCode: exit.exitCode,
        oomKilled: exit.oomKilled,
        finishedAt: exit.finishedAt,
      });
      if (exit.oomKilled) this.#publish(record, 'oom');
      this.#publish(record, 'die', { exitCode: String(exit.exitCode) });
      const again = !this.#closing.signal.aborted && shouldRestart(record);
      if (again) record.status = 'restarting';
      this.#save(record);
      this.waiters.exited(record.id, { exitCode: exit.exitCode });
      await this.release(record);
      return again ? ranForMs : undefined;
    });
    if (restart !== undefined) this.#scheduleRestart(record, restart);
    else if (record.hostConfig.AutoRemove && !this.#restarting.has(record.id)) await this.autoRemove(record);
  }

  /** Docker's restart: stop when it runs, then start. */
  async restart(record: ContainerRecord, options: { timeoutSeconds?: number; signal?: string }): Promise<void> {
    this.#restarting.add(record.id);
    try {
      if (isUp(record)) await this.stop(record, options);
      await this.start(record);
    } finally {
      this.#restarting.delete(record.id);
    }
    this.#publish(record, 'restart');
  }

  #scheduleRestart(record: ContainerRecord, ranForMs: number): void {
    const delay = nextDelayMs(this.#restartDelays.get(record.id) ?? 0, ranForMs);
    this.#restartDelays.set(record.id, delay);
    const timer = setTimeout(() => {
      this.#restartTimers.delete(record.id);
      void this.locks
        .run(record.id, async () => {
          if (record.status !== 'restarting' || record.stoppedByUser) return;
          record.restartCount++;
          await this.#startLocked(record);
        })
        .catch((error: unknown) =>
          this.#d.log.warn('restart failed', { container: record.id, error: messageOf(error) }),
        );
    }, delay);
    this.#restartTimers.set(record.id, timer);
  }

  #cancelRestart(id: string): void {
    clearTimeout(this.#restartTimers.get(id));
    this.#restartTimers.delete(id);
  }

  /** Gives back all a start took. Idempotent; problems are logged, since there is nothing better to do with them. */
  async release(record: ContainerRecord): Promise<void> {
    const { runtime, networking, mounter, log } = this.#d;
    const attempt = async (what: string, work: () => Promise<void> | void): Promise<boolean> => {
      try {
        await work();
        return true;
      } catch (error) {
        log.warn(`release: ${what}`, { container: record.id, error: messageOf(error) });
        return false;
      }
    };
    await attempt('runtime', () => runtime.delete(record.id, this.pathsOf(record.id)));
    await attempt('network', () => networking.release(record));
    const unmounted = await attempt('rootfs', () => mounter.unmount(this.rootfsOf(record.id)));
    // A mount that is still there would be emptied with the folder.
    if (unmounted)
      await attempt('run folder', () => rm(this.pathsOf(record.id).runDir, { recursive: true, force: true }));
  }

  /** Docker's stop: the polite signal, then SIGKILL after the grace time. @throws not_modified when it does not run */
  async stop(record: ContainerRecord, options: { timeoutSeconds?: number; signal?: string }): Promise<void> {
    record.stoppedByUser = true;
    this.#cancelRestart(record.id);
    if (await this.locks.run(record.id, () => this.#stopWaitingForRestart(record))) return;
    if (record.status !== 'running' && record.status !== 'paused')
      throw new LadingError('not_modified', `container ${record.name} is not running`);
    const seconds = options.timeoutSeconds ?? record.config.StopTimeout ?? 10;
    const ended = this.waiters.wait(record.id, 'next-exit');
    if (record.status === 'paused') await this.unpause(record);
    await this.#signalQuietly(record, options.signal || record.config.StopSignal || 'SIGTERM');
    if (!(await settlesWithin(ended, seconds < 0 ? undefined : seconds * 1000))) {
      await this.#signalQuietly(record, 'SIGKILL');
      if (!(await settlesWithin(ended, SIGKILLED_GRACE_MS)))
        throw new LadingError(
          'deadline_exceeded',
          `stop container ${record.name}: still running ${SIGKILLED_GRACE_MS / 1000} s after SIGKILL`,
        );
    }
    await this.locks.run(record.id, () => undefined);
    this.#publish(record, 'stop');
  }

  /** Whether it was between two runs; then it stays ended. */
  #stopWaitingForRestart(record: ContainerRecord): boolean {
    if (record.status !== 'restarting') return false;
    record.status = 'exited';
    this.#save(record);
    this.waiters.exited(record.id, { exitCode: record.exitCode });
    return true;
  }

  /** A container that ends just now needs no signal. */
  async #signalQuietly(record: ContainerRecord, signal: string): Promise<void> {
    try {
      await this.#d.runtime.kill(record.id, signal);
      this.#publish(record, 'kill', { signal });
    } catch (error) {
      if (!(error instanceof LadingError && (error.code === 'conflict' || error.code === 'not_found'))) throw error;
    }
  }

  async pause(record: ContainerRecord): Promise<void> {
    await this.locks.run(record.id, async () => {
      if (record.status === 'paused') throw new LadingError('conflict', `Container ${record.id} is already paused`);
      if (record.status !== 'running') throw new LadingError('conflict', `Container ${record.id} is not running`);
      await this.#d.runtime.pause(record.id);
      record.status = 'paused';
      this.#d.table.save(record);
    });
    this.#publish(record, 'pause');
  }

  async unpause(record: ContainerRecord): Promise<void> {
    await this.locks.run(record.id, async () => {
      if (record.status !== 'paused') throw new LadingError('conflict', `Container ${record.id} is not paused`);
      await this.#d.runtime.resume(record.id);
      record.status = 'running';
      this.#d.table.save(record);
    });
    this.#publish(record, 'unpause');
  }

  /** After a start of the daemon: what lived on is followed again, what ended meanwhile is recorded and released. */
  async reconcile(): Promise<void> {
    const pids = new Map<ContainerRecord, number>();
    for (const record of this.#d.table.all()) {
      const pid =
        record.status === 'created' ? undefined : await this.#d.runtime.livePid(record.id, this.pathsOf(record.id));
      if (pid !== undefined) pids.set(record, pid);
    }
    await this.#d.networking.restore([...pids.keys()]);
    for (const record of this.#d.table.all()) {
      try {
        await this.#reconcileOne(record, pids.get(record));
      } catch (error) {
        this.#d.log.error('reconcile failed', { container: record.id, error: messageOf(error) });
      }
    }
  }

  async #reconcileOne(record: ContainerRecord, pid: number | undefined): Promise<void> {
    const paths = this.pathsOf(record.id);
    if (record.status === 'removing') return this.autoRemove(record);
    if (pid !== undefined) {
      if (record.status !== 'paused') record.status = 'running';
      record.pid = pid;
      this.#d.table.save(record);
      return this.watch(record);
    }
    const wasUp = isUp(record);
    const exit = await this.#d.runtime.exitOf(paths);
    if (wasUp && exit) return this.#ended(record, exit);
    await this.release(record);
    if (!wasUp)
      return record.status === 'exited' && record.hostConfig.RestartPolicy?.Name === 'always'
        ? this.start(record)
        : undefined;
    // No exit file: the machine went down with it, or the daemon died between create and start.
    Object.assign(record, {
      status: 'exited',
      pid: 0,
      exitCode: record.status === 'restarting' ? record.exitCode : 137,
      finishedAt: new Date().toISOString(),
    });
    this.#d.table.save(record);
    if (shouldStartAtBoot(record)) await this.start(record);
    else if (record.hostConfig.AutoRemove) await this.autoRemove(record);
  }

  publish(record: ContainerRecord, action: string, attributes: Record<string, string> = {}): void {
    this.#publish(record, action, attributes);
  }

  #publish(record: ContainerRecord, action: string, attributes: Record<string, string> = {}): void {
    this.#d.events.publish('container', action, record.id, {
      ...record.config.Labels,
      image: record.image,
      name: record.name,
      ...attributes,
    });
  }

  /** Stops following; containers go on. */
  close(): void {
    this.#closing.abort();
    for (const timer of this.#restartTimers.values()) clearTimeout(timer);
  }
}

async function settlesWithin(promise: Promise<unknown>, limitMs: number | undefined): Promise<boolean> {
  if (limitMs === undefined) return promise.then(() => true);
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), limitMs);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
