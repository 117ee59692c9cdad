import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../base/index.ts';
import { LadingError } from '../errors/index.ts';
import { LogRotation, readLogs } from './container-log/index.ts';
import { execInContainer } from './exec.ts';
import { Cgroup } from './host/cgroup.ts';
import { isAlive, processEnd, signalProcess } from './host/process-info.ts';
import { Conmon, findMonitor, monitorFiles, MonitorError, readExit, resizeTerminal } from './monitor/index.ts';
import { isRunning, startFailure, type RuntimeDriver, type RuntimeState } from './oci/index.ts';
import { runToEnd, type RunIo } from './run-to-end.ts';
import type {
  Attachment,
  ContainerPaths,
  ContainerRuntime,
  ContainerSpec,
  CreateOptions,
  Exit,
  LogLine,
  LogQuery,
  ProcessSpec,
  Resources,
  RunningExec,
  RunningProcess,
} from './runtime.ts';
import { signalNumber } from './signals.ts';
import { ociSpecOf, resourcesOf, type Warn } from './spec/index.ts';
import { attachTo } from './streams/index.ts';

const SIGKILL = 9;
/** Docker's status for a container whose end nobody saw. */
const LOST_EXIT = 255;
const MONITOR_GRACE_MS = 5000;
const CROWDED_MS = 50;
const ACCEPT_MS = 5;

/** Containers by conmon and an OCI runtime. Holds nothing that is not also in files: any later instance goes on. */
export class OciContainerRuntime implements ContainerRuntime {
  readonly description: ContainerRuntime['description'];
  readonly #driver: RuntimeDriver;
  readonly #conmon: Conmon;
  readonly #log: Log;
  readonly #rotation = new LogRotation();
  #latestAttach: { readonly path: string; readonly atMs: number } | undefined;

  constructor(driver: RuntimeDriver, conmon: Conmon, log: Log) {
    const { name, version, path } = driver.program;
    this.description = { name, version, path };
    this.#driver = driver;
    this.#conmon = conmon;
    this.#log = log;
  }

  async create(spec: ContainerSpec, paths: ContainerPaths, options: CreateOptions): Promise<RunningProcess> {
    options.signal?.throwIfAborted();
    const files = monitorFiles(paths);
    const config = ociSpecOf(spec, this.#warn(spec.id));
    await mkdir(paths.stateDir, { recursive: true, mode: 0o700 });
    await mkdir(paths.runDir, { recursive: true, mode: 0o711 });
    for (const leftover of [files.exit, files.oom, files.pid, files.monitorPid]) rmSync(leftover, { force: true });
    writeFileSync(files.config, JSON.stringify(config), { mode: 0o600 });
    const logMaxBytes = options.logDriver === 'none' ? undefined : options.logMaxBytes;
    if (logMaxBytes !== undefined) this.#rotation.prepare(files.log, logMaxBytes);
    const request = {
      id: spec.id,
      uuid: spec.id,
      dir: paths.runDir,
      pidFile: files.pid,
      monitorPidFile: files.monitorPid,
      persistDir: paths.stateDir,
      terminal: spec.process.tty,
      stdin: options.openStdin,
      // A terminal survives its users; a pipe ends with the one who wrote to it.
      leaveStdinOpen: spec.process.tty || options.stdinOnce === false,
      log: options.logDriver === 'none' ? 'none' : `k8s-file:${files.log}`,
      logMaxBytes,
    };
    try {
      const pid = await this.#conmon.create(request);
      if (logMaxBytes !== undefined) {
        writeFileSync(files.logLimit, String(logMaxBytes));
        this.#rotation.watch(files.log, logMaxBytes);
      }
      return { pid };
    } catch (error) {
      await this.delete(spec.id, paths);
      if (!(error instanceof MonitorError)) throw error;
      throw startFailure('create', this.description.name, error.message, spec.process.args[0] ?? '');
    }
  }

  async start(id: string): Promise<void> {
    await this.#driver.start(id);
  }

  async attach(
    _id: string,
    paths: ContainerPaths,
    options: { readonly stdin: boolean; readonly tty: boolean },
  ): Promise<Attachment> {
    const path = monitorFiles(paths).attach;
    const attachment = attachTo(path, options);
    const crowded = this.#latestAttach?.path === path && Date.now() - this.#latestAttach.atMs < CROWDED_MS;
    this.#latestAttach = { path, atMs: Date.now() };
    // conmon takes one client a turn, then looks for output: a second one at the same moment could come too late for it.
    if (crowded) await delay(ACCEPT_MS);
    return attachment;
  }

  async wait(id: string, paths: ContainerPaths, options: { readonly signal?: AbortSignal } = {}): Promise<Exit> {
    const files = monitorFiles(paths);
    this.#resumeRotation(paths);
    // The monitor first: it writes the exit file before it ends. Without it the container's own end must do.
    await findMonitor(files.monitorPid, id)?.ended(options);
    const written = readExit(paths);
    if (!written) {
      const state = this.#driver.state(id);
      if (isRunning(state)) await processEnd(state.pid, () => isAlive(state.pid, state.startTime), options);
    }
    this.#rotation.unwatch(files.log);
    return written ?? readExit(paths) ?? this.#lost(paths);
  }

  /** Nobody was there to see the end: Docker's 255, written down so that it stays the answer. */
  #lost(paths: ContainerPaths): Exit {
    if (!existsSync(paths.stateDir)) throw new LadingError('not_found', `wait: no container in "${paths.stateDir}"`);
    writeFileSync(monitorFiles(paths).exit, String(LOST_EXIT));
    return { exitCode: LOST_EXIT, oomKilled: false, finishedAt: new Date().toISOString() };
  }

  #resumeRotation(paths: ContainerPaths): void {
    const files = monitorFiles(paths);
    try {
      const maxBytes = Number(readFileSync(files.logLimit, 'utf8'));
      if (maxBytes > 0) this.#rotation.watch(files.log, maxBytes);
    } catch {
      // No limit was set.
    }
  }

  async livePid(id: string): Promise<number | undefined> {
    const state = this.#driver.state(id);
    return isRunning(state) ? state.pid : undefined;
  }

  async exitOf(paths: ContainerPaths): Promise<Exit | undefined> {
    return readExit(paths);
  }

  async kill(id: string, signal: string | number, options: { readonly all?: boolean } = {}): Promise<void> {
    const number = signalNumber(signal);
    const state = this.#runningState(id, 'kill');
    const cgroup = new Cgroup(state.cgroups);
    if (options.all) cgroup.signalAll(number);
    else if (!signalProcess(state.pid, number)) throw notRunning('kill', id);
    // What is frozen does not even die.
    if (number === SIGKILL) await cgroup.thaw();
  }

  async pause(id: string): Promise<void> {
    await new Cgroup(this.#runningState(id, 'pause').cgroups).freeze();
  }

  async resume(id: string): Promise<void> {
    await new Cgroup(this.#runningState(id, 'resume').cgroups).thaw();
  }

  async resize(paths: ContainerPaths, rows: number, columns: number): Promise<void> {
    resizeTerminal(monitorFiles(paths).control, rows, columns);
  }

  async update(id: string, resources: Resources): Promise<void> {
    this.#runningState(id, 'update');
    await this.#driver.update(id, resourcesOf(resources, this.#warn(id)));
  }

  async exec(
    id: string,
    paths: ContainerPaths,
    execId: string,
    process: ProcessSpec,
    options: { readonly stdin: boolean; readonly detach: boolean },
  ): Promise<RunningExec> {
    this.#runningState(id, 'exec');
    return execInContainer(this.#conmon, this.description.name, { id, paths, execId, process, ...options });
  }

  async pids(id: string): Promise<number[]> {
    const state = this.#driver.state(id);
    return state ? new Cgroup(state.cgroups).pids() : [];
  }

  async delete(id: string, paths: ContainerPaths): Promise<void> {
    const files = monitorFiles(paths);
    await this.#driver.delete(id);
    await this.#endMonitor(files.monitorPid, id);
    this.#rotation.unwatch(files.log);
    // By name: the rootfs may be mounted in the same folder.
    const { config, pid, monitorPid, attach, control, windowSize, logLimit, execs } = files;
    for (const path of [config, pid, monitorPid, attach, control, windowSize, logLimit]) rmSync(path, { force: true });
    await rm(execs, { recursive: true, force: true });
  }

  /** It ends by itself soon after its container; one that does not is of no more use. */
  async #endMonitor(pidFile: string, id: string): Promise<void> {
    const monitor = findMonitor(pidFile, id);
    if (!monitor) return;
    try {
      await monitor.ended({ signal: AbortSignal.timeout(MONITOR_GRACE_MS) });
    } catch {
      if (monitor.isAlive()) signalProcess(monitor.pid, SIGKILL);
    }
  }

  logs(paths: ContainerPaths, query: LogQuery): AsyncIterable<LogLine> {
    const { log, exit } = monitorFiles(paths);
    return readLogs(log, exit, query);
  }

  async runToEnd(spec: ContainerSpec, bundleDir: string, io: RunIo): Promise<number> {
    return runToEnd(this.#driver, spec.id, bundleDir, ociSpecOf(spec, this.#warn(spec.id)), io);
  }

  #runningState(id: string, attempted: string): RuntimeState {
    const state = this.#driver.state(id);
    if (isRunning(state)) return state;
    throw notRunning(attempted, id);
  }

  #warn(id: string): Warn {
    return (message) => this.#log.warn(message, { container: id });
  }
}

function notRunning(attempted: string, id: string): LadingError {
  return new LadingError('conflict', `${attempted}: container ${id} is not running`);
}
