import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SILENT_LOG, type Log } from '../base/index.ts';
import { LadingError } from '../errors/index.ts';
import { Conmon } from './monitor/index.ts';
import { findProgram, findRuntime, RuntimeDriver } from './oci/index.ts';
import { OciContainerRuntime } from './oci-container-runtime.ts';
import type { ContainerRuntime } from './runtime.ts';

export interface RuntimeOptions {
  /** Run-time state of this engine, on a file system that a reboot empties. */
  readonly execRoot: string;
  /** OCI runtime by name or path; default: crun where it works, else runc. */
  readonly runtime?: string;
  /** Monitor by name or path; default "conmon". */
  readonly monitor?: string;
  readonly log?: Log;
}

/**
 * Finds the programs and opens the runtime. Costs one `--version`; no container is run.
 * @throws unavailable with what to install
 */
export async function openRuntime(options: RuntimeOptions): Promise<ContainerRuntime> {
  const { execRoot, monitor = 'conmon', log = SILENT_LOG } = options;
  const program = await findRuntime(options.runtime);
  const conmon = findProgram(monitor);
  if (conmon === undefined)
    throw new LadingError('unavailable', `find the container monitor: "${monitor}" is not installed`, {
      hint: 'install the package conmon',
    });
  // One folder for each runtime: their records differ, and each may list what it finds.
  const root = join(execRoot, program.name);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const driver = new RuntimeDriver(program, root);
  log.debug('container runtime', { runtime: program.path, version: program.version, monitor: conmon });
  return new OciContainerRuntime(driver, new Conmon(conmon, driver), log);
}
