import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, type RunInstruction, type Stage } from '../../dockerfile/index.ts';
import { LadingError } from '../../errors/index.ts';
import type { ChainID, RunConfig } from '../../oci/index.ts';
import type { ContainerMount } from '../../runtime/index.ts';
import { goQuote } from '../config/go-format.ts';
import { DEFAULT_PATH, envMap, withShell } from '../config/apply-config.ts';
import type { StepProgress } from '../progress.ts';
import { removeMountStubs } from '../run/mount-stubs.ts';
import type { BuildSession } from '../session.ts';
import type { LayerOperation } from '../solver.ts';
import type { NetworkMode } from '../types.ts';
import { prepareMounts } from './run-mounts.ts';

export interface RunStepContext {
  readonly session: BuildSession;
  readonly stage: Stage;
  readonly config: RunConfig;
  readonly parent: ChainID | undefined;
  /** Declared arguments that have a value. */
  readonly args: ReadonlyMap<string, string>;
  readonly step: StepProgress;
}

const HOSTNAME = 'buildkitsandbox';
const SCRIPT_FOLDER = '/dev/pipes';

/** The argument vector a RUN executes; a script with "#!" is a file that is mounted. */
export function runArguments(config: RunConfig, run: RunInstruction): string[] {
  const command = runCommand(run);
  const args = command.kind === 'args' ? command.args : [`${SCRIPT_FOLDER}/${command.file.name}`];
  return withShell(config, { form: run.form, args });
}

/** RUN as a layer. The key holds what the process sees: files below, arguments, environment, user, folder, mounts, network. */
export async function runOperation(context: RunStepContext, run: RunInstruction): Promise<LayerOperation> {
  const { session, stage, config, parent, args: buildArgs } = context;
  checkSupported(run);
  const args = runArguments(config, run);
  const command = runCommand(run);
  const script = command.kind === 'file' ? command.file : undefined;
  const env = environment(config, buildArgs);
  const cwd = config.WorkingDir || '/';
  const user = config.User ?? '';
  const network = networkOf(run, session.o.request.networkMode);
  const extraHosts = [...(session.o.request.extraHosts ?? [])];
  const mounts = await prepareMounts(session, stage, config, run.mounts);
  return {
    kind: 'run',
    text: run.original,
    parent,
    inputs: { args, script: script?.content ?? null, env, cwd, user, network, extraHosts, mounts: mounts.key },
    make: async ({ mount, upperDir }) => {
      const files = script ? [await scriptMount(session, script)] : [];
      const process = {
        args,
        env: withProxies(env, session.o.args.proxies()),
        cwd,
        user,
        additionalGroups: [],
        tty: false,
      };
      const exitCode = await mounts.use((prepared) =>
        session.o.executor.run(
          { mount, process, mounts: [...files, ...prepared], networkMode: network, hostname: HOSTNAME, extraHosts },
          { onOutput: (stream, chunk) => context.step.output(stream, chunk), signal: session.o.signal },
        ),
      );
      session.o.signal.throwIfAborted();
      if (exitCode !== 0) throw failed(args, exitCode);
      const lowerDirs = await session.o.snapshotter.lowerDirsOf(parent);
      removeMountStubs(upperDir, lowerDirs, mounts.targets);
    },
  };
}

function failed(args: readonly string[], exitCode: number): LadingError {
  const command = goQuote(args.join(' '));
  return new LadingError(
    'invalid_argument',
    `process ${command} did not complete successfully: exit code: ${exitCode}`,
  );
}

function checkSupported(run: RunInstruction): void {
  if (run.security === 'insecure') throw new LadingError('not_implemented', 'RUN --security=insecure is not supported');
  if (run.devices.length > 0) throw new LadingError('not_implemented', 'RUN --device is not supported');
}

/** ENV wins over ARG of the same name. */
function environment(config: RunConfig, buildArgs: ReadonlyMap<string, string>): string[] {
  const variables = new Map([...buildArgs, ...envMap(config.Env)]);
  if (!variables.has('PATH')) variables.set('PATH', DEFAULT_PATH);
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

function withProxies(env: readonly string[], proxies: readonly string[]): string[] {
  const names = new Set(envMap(env).keys());
  return [...env, ...proxies.filter((entry) => !names.has(entry.slice(0, entry.indexOf('='))))];
}

function networkOf(run: RunInstruction, requested: string | undefined): NetworkMode {
  if (run.network !== undefined) return run.network;
  if (requested === undefined || requested === '' || requested === 'default' || requested === 'bridge')
    return 'default';
  if (requested === 'none' || requested === 'host') return requested;
  throw new LadingError('invalid_argument', `network mode ${goQuote(requested)} not supported by a build`, {
    hint: 'use default, none or host',
  });
}

async function scriptMount(session: BuildSession, script: { name: string; content: string }): Promise<ContainerMount> {
  const path = join(await session.folder(), 'script');
  await writeFile(path, script.content);
  await chmod(path, 0o755);
  return {
    type: 'bind',
    source: path,
    target: `${SCRIPT_FOLDER}/${script.name}`,
    options: ['rbind', 'rprivate', 'ro'],
  };
}
