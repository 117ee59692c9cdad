import { posix } from 'node:path';
import { parsePortSpec, type HealthcheckInstruction, type Instruction } from '../../dockerfile/index.ts';
import { LadingError, isLadingError } from '../../errors/index.ts';
import type { Healthcheck, RunConfig } from '../../oci/index.ts';
import { signalNumber } from '../../runtime/index.ts';

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const DEFAULT_SHELL: readonly string[] = ['/bin/sh', '-c'];

export interface ApplyOptions {
  /** A CMD came before in this stage: then ENTRYPOINT leaves it. Default false. */
  readonly cmdSet?: boolean;
}

/**
 * The configuration after one expanded instruction. Instructions that do not change it (RUN, COPY, ARG…) return it as it is.
 * Key order is the order of first appearance, so equal builds write equal bytes.
 * @throws invalid_argument for a value Docker refuses
 */
export function applyConfigInstruction(
  config: RunConfig,
  instruction: Instruction,
  options: ApplyOptions = {},
): RunConfig {
  switch (instruction.kind) {
    case 'env':
      return {
        ...config,
        Env: instruction.pairs.reduce((env, { key, value }) => setEnv(env, key, value), config.Env ?? []),
      };
    case 'label':
      return {
        ...config,
        Labels: { ...config.Labels, ...Object.fromEntries(instruction.pairs.map(({ key, value }) => [key, value])) },
      };
    case 'cmd':
      return { ...config, Cmd: withShell(config, instruction), ArgsEscaped: true };
    case 'entrypoint': {
      const { Cmd, ...rest } = config;
      const entrypoint = { ...rest, Entrypoint: withShell(config, instruction) };
      return options.cmdSet && Cmd ? { ...entrypoint, Cmd } : entrypoint;
    }
    case 'expose':
      return { ...config, ExposedPorts: { ...config.ExposedPorts, ...emptyObjects(portsOf(instruction.ports)) } };
    case 'volume':
      if (instruction.volumes.includes(''))
        throw new LadingError('invalid_argument', 'VOLUME specified can not be an empty string');
      return { ...config, Volumes: { ...config.Volumes, ...emptyObjects(instruction.volumes) } };
    case 'user':
      return { ...config, User: instruction.user };
    case 'workdir':
      return { ...config, WorkingDir: joinWorkdir(config, instruction.path) };
    case 'shell':
      return { ...config, Shell: instruction.args };
    case 'stopsignal':
      requireSignal(instruction.signal);
      return { ...config, StopSignal: instruction.signal };
    case 'healthcheck':
      return { ...config, Healthcheck: healthcheckOf(instruction) };
    case 'onbuild':
      return { ...config, OnBuild: [...(config.OnBuild ?? []), instruction.trigger] };
    default:
      return config;
  }
}

/** Sets or replaces a variable, keeping its place. */
export function setEnv(env: readonly string[], key: string, value: string): string[] {
  const entry = `${key}=${value}`;
  const at = env.findIndex((existing) => existing.startsWith(`${key}=`) || existing === key);
  return at < 0 ? [...env, entry] : env.with(at, entry);
}

/** Variables of a configuration by name. */
export function envMap(env: readonly string[] = []): Map<string, string> {
  return new Map(
    env.map((entry) => {
      const equals = entry.indexOf('=');
      return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );
}

/** The shell form gets the stage's shell in front. */
export function withShell(
  config: RunConfig,
  command: { readonly form: 'shell' | 'exec'; readonly args: readonly string[] },
): string[] {
  return command.form === 'exec' ? [...command.args] : [...(config.Shell ?? DEFAULT_SHELL), command.args.join(' ')];
}

/** An absolute folder stays as written; a relative one joins the current one and is cleaned, as in BuildKit. */
export function joinWorkdir(config: RunConfig, path: string): string {
  if (path.startsWith('/')) return path;
  const current = posix.resolve('/', config.WorkingDir || '/');
  return path === '' ? config.WorkingDir || '/' : withoutTrailingSlash(posix.join(current, path));
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** The words of EXPOSE as single ports with protocol. @throws invalid_argument */
export function portsOf(texts: readonly string[]): string[] {
  return texts.flatMap((text) => parsePortSpec(text).ports);
}

/** Any number but 0 will do, as with Docker. */
function requireSignal(text: string): void {
  if (/^[-+]?\d{1,18}$/.test(text) ? Number(text) !== 0 : isSignalName(text)) return;
  throw new LadingError('invalid_argument', `invalid signal: ${text}`, {
    hint: 'write a name such as SIGTERM, or a number',
  });
}

function isSignalName(text: string): boolean {
  try {
    return signalNumber(text) > 0;
  } catch (error) {
    if (isLadingError(error, 'invalid_argument')) return false;
    throw error;
  }
}

function emptyObjects(keys: readonly string[]): Record<string, object> {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}

function healthcheckOf(instruction: HealthcheckInstruction): Healthcheck {
  const { test, intervalNs, timeoutNs, startPeriodNs, startIntervalNs, retries } = instruction;
  return {
    Test: test,
    ...(intervalNs && { Interval: intervalNs }),
    ...(timeoutNs && { Timeout: timeoutNs }),
    ...(startPeriodNs && { StartPeriod: startPeriodNs }),
    ...(startIntervalNs && { StartInterval: startIntervalNs }),
    ...(retries && { Retries: retries }),
  };
}
