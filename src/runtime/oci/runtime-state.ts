import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../../errors/index.ts';
import { cgroupLayout } from '../host/cgroup-layout.ts';
import { isAlive } from '../host/process-info.ts';

/** What the runtime recorded about a container it created; the same file tells every later daemon. */
export interface RuntimeState {
  readonly pid: number;
  readonly startTime: number;
  /** Folders of the container's cgroup, one per hierarchy. */
  readonly cgroups: readonly string[];
  /** Something we do not know how to undo ourselves. */
  readonly needsRuntime: boolean;
}

/** The state under `root`, undefined when the runtime knows no such container. */
export function readRuntimeState(name: string, root: string, id: string): RuntimeState | undefined {
  try {
    return name === 'crun' ? readCrunState(join(root, id)) : readRuncState(join(root, id));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function isRunning(state: RuntimeState | undefined): state is RuntimeState {
  return state !== undefined && isAlive(state.pid, state.startTime);
}

function readRuncState(dir: string): RuntimeState {
  const state = JSON.parse(readFileSync(join(dir, 'state.json'), 'utf8')) as {
    init_process_pid: number;
    init_process_start: number;
    cgroup_paths: Record<string, string>;
    intel_rdt_path?: string;
  };
  return {
    pid: state.init_process_pid,
    startTime: state.init_process_start,
    cgroups: Object.values(state.cgroup_paths),
    needsRuntime: Boolean(state.intel_rdt_path),
  };
}

function readCrunState(dir: string): RuntimeState {
  const state = JSON.parse(readFileSync(join(dir, 'status'), 'utf8')) as {
    pid: number;
    'process-start-time': number;
    'cgroup-path': string;
    'systemd-cgroup'?: boolean;
  };
  const path = state['cgroup-path'];
  return {
    pid: state.pid,
    startTime: state['process-start-time'],
    cgroups: path ? cgroupLayout().hierarchies.map((hierarchy) => join(hierarchy, path)) : [],
    needsRuntime: state['systemd-cgroup'] === true,
  };
}
