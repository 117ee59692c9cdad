import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LadingError } from '../errors/index.ts';
import { findMonitor, monitorFiles, MonitorError, resizeTerminal, type Conmon } from './monitor/index.ts';
import { startFailure } from './oci/index.ts';
import type { Attachment, ContainerPaths, ProcessSpec, RunningExec } from './runtime.ts';
import { ociProcessOf, type OciProcess, type OciSpec } from './spec/index.ts';
import { attachTo } from './streams/index.ts';

const LOST = 137;

export interface ExecRequest {
  readonly id: string;
  readonly paths: ContainerPaths;
  readonly execId: string;
  readonly process: ProcessSpec;
  readonly stdin: boolean;
  readonly detach: boolean;
}

/** Starts a process in a running container, confined as its main process is. */
export async function execInContainer(conmon: Conmon, runtimeName: string, request: ExecRequest): Promise<RunningExec> {
  const { id, execId, process, stdin, detach } = request;
  const files = monitorFiles(request.paths);
  const spec = execProcess(await readBundle(files.config), process);
  const dir = join(files.execs, execId);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const processFile = join(dir, 'process.json');
  await writeFile(processFile, JSON.stringify(spec), { mode: 0o600 });
  const monitor = {
    id,
    uuid: execId,
    dir,
    pidFile: join(dir, 'pid'),
    monitorPidFile: join(dir, 'monitor.pid'),
    persistDir: dir,
    terminal: process.tty,
    stdin: stdin && !detach,
    leaveStdinOpen: process.tty,
    log: 'none',
  };
  let attachment: Attachment | undefined;
  const attach = (): void => {
    attachment = attachTo(join(dir, 'attach'), { stdin, tty: process.tty });
  };
  try {
    const { pid, exitCode } = await conmon.exec(monitor, processFile, detach ? undefined : attach);
    const ended = exitCode.then(async (code) => code ?? (await lostExit(dir, execId)));
    void ended.catch(() => undefined).then(() => rm(dir, { recursive: true, force: true }));
    return {
      pid,
      attachment,
      resize: async (rows, columns) => resizeTerminal(join(dir, 'ctl'), rows, columns),
      wait: () => ended,
    };
  } catch (error) {
    attachment?.detach();
    await rm(dir, { recursive: true, force: true });
    if (!(error instanceof MonitorError)) throw error;
    throw startFailure('exec', runtimeName, error.message, process.args[0] ?? '');
  }
}

/** conmon was killed: nobody knows the status. */
async function lostExit(dir: string, execId: string): Promise<number> {
  await findMonitor(join(dir, 'monitor.pid'), execId)?.ended();
  return LOST;
}

async function readBundle(path: string): Promise<OciSpec> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as OciSpec;
  } catch (error) {
    throw new LadingError('conflict', 'exec: the container is not running', { cause: error });
  }
}

function execProcess({ process: main, root }: OciSpec, process: ProcessSpec): OciProcess {
  const { rlimits, noNewPrivileges, apparmorProfile, oomScoreAdj, capabilities } = main;
  return ociProcessOf(process, process.args, root.path, {
    bounding: capabilities.bounding,
    rlimits,
    noNewPrivileges,
    ...(apparmorProfile === undefined ? {} : { apparmorProfile }),
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
  });
}
