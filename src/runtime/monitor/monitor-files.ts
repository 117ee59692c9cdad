import { closeSync, constants, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, LadingError } from '../../errors/index.ts';
import { commandLine, processEnd } from '../host/process-info.ts';
import type { ContainerPaths, Exit } from '../runtime.ts';

/** Where conmon keeps what. The first three outlive a reboot, the others end with the run folder. */
export function monitorFiles({ stateDir, runDir }: ContainerPaths) {
  return {
    log: join(stateDir, 'container.log'),
    exit: join(stateDir, 'exit'),
    oom: join(stateDir, 'oom'),
    config: join(runDir, 'config.json'),
    pid: join(runDir, 'pid'),
    monitorPid: join(runDir, 'monitor.pid'),
    attach: join(runDir, 'attach'),
    control: join(runDir, 'ctl'),
    windowSize: join(runDir, 'winsz'),
    logLimit: join(runDir, 'log-max-bytes'),
    execs: join(runDir, 'exec'),
  } as const;
}

/** The exit conmon (or {@link ContainerRuntime.wait} for a lost one) wrote down. */
export function readExit(paths: ContainerPaths): Exit | undefined {
  const files = monitorFiles(paths);
  try {
    const exitCode = Number(readFileSync(files.exit, 'utf8'));
    if (!Number.isInteger(exitCode)) return undefined;
    const finishedAt = statSync(files.exit).mtime.toISOString();
    return { exitCode, oomKilled: statSync(files.oom, { throwIfNoEntry: false }) !== undefined, finishedAt };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** A monitor that writes `exit` files for this container, while it lives. */
export interface Monitor {
  readonly pid: number;
  isAlive(): boolean;
  /** Resolves when it has ended; by then the exit file is written. */
  ended(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
}

/** The container's (or exec's) living monitor: its pid file's process, if that really is conmon with this id. */
export function findMonitor(pidFile: string, id: string): Monitor | undefined {
  let pid: number;
  try {
    pid = Number(readFileSync(pidFile, 'utf8'));
  } catch {
    return undefined;
  }
  const isAlive = (): boolean => commandLine(pid).includes(id);
  if (!Number.isInteger(pid) || pid <= 1 || !isAlive()) return undefined;
  return { pid, isAlive, ended: (options = {}) => processEnd(pid, isAlive, options) };
}

const RESIZE = 1;

/** Tells conmon the terminal's new size. @throws conflict when nothing runs there */
export function resizeTerminal(controlPath: string, rows: number, columns: number): void {
  let fd: number;
  try {
    fd = openSync(controlPath, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENXIO') throw error;
    throw new LadingError('conflict', 'resize: the container is not running', { cause: error });
  }
  try {
    writeSync(fd, `${RESIZE} ${rows} ${columns}\n`);
  } finally {
    closeSync(fd);
  }
}
