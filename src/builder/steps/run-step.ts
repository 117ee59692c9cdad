import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, type RunInstruction, type Stage } from '../../dockerfile/index.ts';
import { LadingError, isLadingError } from '../../errors/index.ts';
import type { ChainID, Platform, RunConfig } from '../../oci/index.ts';
import type { ContainerMount } from '../../runtime/index.ts';
import { goQuote } from '../config/go-format.ts';
import { DEFAULT_PATH, envMap, withShell } from '../config/apply-config.ts';
import type { StepProgress } from '../progress.ts';
import { checkRunnable } from '../platform/emulation.ts';
import { removeMountStubs } from '../run/mount-stubs.ts';
import type { BuildSession } from '../session.ts';
import type { LayerOperation } from '../solver.ts';
import { checkRun } from '../run/entitlements.ts';
import { bannerOf, shellIn } from '../run/failed-shell.ts';
import { SecretMask } from '../run/secret-mask.ts';
import { processFailure, runFailure, timeFailure } from '../run/step-failure.ts';
import type { BuildSettings, ExecutedStep, NetworkMode } from '../types.ts';
import { prepareMounts } from './run-mounts.ts';

export interface RunStepContext {
  readonly session: BuildSession;
  readonly stage: Stage;
  /** Of the programs in the stage. */
  readonly platform: Platform;
  readonly config: RunConfig;
  readonly parent: ChainID | undefined;
  /** Declared arguments that have a value. */
  readonly args: ReadonlyMap<string, string>;
  /** Arguments whose values took the place of an ENV's. */
  readonly shadowing: ReadonlySet<string>;
  readonly step: StepProgress;
}

type StepOptions = Pick<ExecutedStep, 'limits' | 'ulimits' | 'shmSizeBytes' | 'cgroupParent'>;

const SCRIPT_FOLDER = '/dev/pipes';

/** The argument vector a RUN executes; a script with "#!" is a file that is mounted. */
export function runArguments(config: RunConfig, run: RunInstruction): string[] {
  const command = runCommand(run);
  const args = command.kind === 'args' ? command.args : [`${SCRIPT_FOLDER}/${command.file.name}`];
  return withShell(config, { form: run.form, args });
}

/**
 * RUN as a layer. The key holds what the process sees: files below, arguments, environment, user, folder, mounts, network. What it may take of the
 * machine is not in it.
 */
export async function runOperation(context: RunStepContext, run: RunInstruction): Promise<LayerOperation> {
  const { session, stage, config, parent, args: buildArgs } = context;
  const { request, signal } = session.o;
  checkRun(run, request);
  const args = runArguments(config, run);
  const command = runCommand(run);
  const script = command.kind === 'file' ? command.file : undefined;
  const env = environment(config, buildArgs);
  const cwd = config.WorkingDir || '/';
  const user = config.User ?? '';
  const network = networkOf(run, request.networkMode);
  const extraHosts = [...(request.extraHosts ?? [])];
  const hostname = session.o.args.hostname();
  const privileged = run.security === 'insecure';
  const mounts = await prepareMounts(session, stage, config, run.mounts);
  let isUnsettled = false;
  return {
    isUnsettled: () => isUnsettled,
    kind: 'run',
    text: run.original,
    parent,
    inputs: {
      args,
      script: script?.content ?? null,
      env,
      cwd,
      user,
      network,
      extraHosts,
      mounts: mounts.key,
      ...(session.o.args.given.has('BUILDKIT_SANDBOX_HOSTNAME') ? { hostname } : {}),
      ...(privileged ? { security: 'insecure' } : {}),
    },
    notes: {
      shell: run.form === 'exec' ? [] : withShell(config, { form: 'shell', args: [] }).slice(0, -1),
      args: [...buildArgs.keys()].filter((name) => context.shadowing.has(name) || !envMap(config.Env).has(name)),
      mounts: run.mounts,
    },
    alone: (work) => mounts.alone(work),
    make: async ({ mount, upperDir }) => {
      await checkRunnable(context.platform);
      const files = script ? [await scriptMount(session, script)] : [];
      await mounts.use(async (ready) => {
        const process = {
          args,
          env: withDefaults(merged([...env, ...ready.env]), session.o.args.proxies()),
          cwd,
          user,
          additionalGroups: [],
          tty: false,
        };
        const step = {
          ...limitsOf(request),
          mount,
          process,
          mounts: [...files, ...ready.mounts],
          networkMode: network,
          hostname,
          extraHosts,
          privileged,
        };
        await runStep(context, step, ready.secrets);
      });
      signal.throwIfAborted();
      isUnsettled = await mounts.hasChanged();
      const lowerDirs = await session.o.snapshotter.lowerDirsOf(parent);
      removeMountStubs(upperDir, lowerDirs, mounts.targets);
    },
  };
}

/** Runs the process; one that fails may be looked at before everything is released. */
async function runStep(context: RunStepContext, step: ExecutedStep, secrets: readonly Uint8Array[]): Promise<void> {
  const { session, config } = context;
  const { request, signal, executor, failedSteps } = session.o;
  try {
    await runProcess(context, step, secrets);
  } catch (error) {
    if (request.onError !== 'shell' || signal.aborted) throw error;
    const shell = await shellIn(session, config, step);
    const announce = (id: string): void => context.step.debug(id);
    await failedSteps.offer(
      { open: (size) => executor.openTerminal(shell, size), banner: bannerOf(step, error), announce },
      signal,
    );
    throw error;
  }
}

async function runProcess(context: RunStepContext, step: ExecutedStep, secrets: readonly Uint8Array[]): Promise<void> {
  const { signal, executor, request, drained } = context.session.o;
  const { args } = step.process;
  const mask = new SecretMask(secrets, (stream, chunk) => context.step.output(stream, chunk));
  let outOfMemory = false;
  const exitCode = await executor
    .run(step, {
      onOutput: (stream, chunk) => {
        mask.write(stream, chunk);
        return drained?.();
      },
      onOutOfMemory: () => (outOfMemory = true),
      signal,
    })
    .catch((error: unknown) => {
      const { timeoutMs } = request.limits ?? {};
      throw timeoutMs !== undefined && isLadingError(error, 'deadline_exceeded')
        ? timeFailure(args, timeoutMs)
        : runFailure(args, error);
    })
    .finally(() => mask.end());
  signal.throwIfAborted();
  if (exitCode !== 0) throw processFailure({ args, exitCode, outOfMemory, limits: request.limits });
}

function limitsOf({ limits, ulimits, shmSizeBytes, cgroupParent }: BuildSettings): StepOptions {
  return {
    ...(limits === undefined ? {} : { limits }),
    ...(ulimits === undefined ? {} : { ulimits }),
    ...(shmSizeBytes === undefined ? {} : { shmSizeBytes }),
    ...(cgroupParent === undefined || cgroupParent === '' ? {} : { cgroupParent }),
  };
}

/** ENV wins over ARG of the same name. */
function environment(config: RunConfig, buildArgs: ReadonlyMap<string, string>): string[] {
  const variables = new Map([...buildArgs, ...envMap(config.Env)]);
  if (!variables.has('PATH')) variables.set('PATH', DEFAULT_PATH);
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

/** A later value of a name wins. */
function merged(env: readonly string[]): string[] {
  return [...envMap(env)].map(([name, value]) => `${name}=${value}`);
}

/** Adds variables that are not there yet. */
function withDefaults(env: readonly string[], more: readonly string[]): string[] {
  const names = new Set(envMap(env).keys());
  return [...env, ...more.filter((entry) => !names.has(entry.slice(0, entry.indexOf('='))))];
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
