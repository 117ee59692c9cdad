import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type { BuildSettings } from '../../client/index.ts';
import { LadingError } from '../../errors/index.ts';
import { formatPlatform, hostPlatform } from '../../oci/index.ts';

/** A build in TypeScript as its program described it. */
export interface DescribedProgram {
  /** Shown in messages. */
  readonly dockerfile: string;
  readonly dockerfileText: string;
  /** `<program>.dockerignore` */
  readonly ignoreText: string | undefined;
  readonly contexts: Readonly<Record<string, string | null>>;
  readonly targets: Readonly<Record<string, string>>;
  readonly wanted: string | null;
  readonly argsRead: readonly string[];
}

const MAX_ANSWER = 16 << 20;

/** Runs a program in a Node of its own and takes the build it describes. @throws invalid_argument with the program's own message */
export async function describeProgram(file: string, settings: BuildSettings): Promise<DescribedProgram> {
  const path = resolve(file);
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true)
    throw new LadingError('invalid_argument', `failed to read "${file}": no such file`);
  const platforms = settings.platforms ?? [];
  const input = {
    file: path,
    args: settings.buildArgs,
    platforms: platforms.length > 0 ? platforms : [formatPlatform(hostPlatform())],
  };
  const ignore = `${path}.dockerignore`;
  return {
    ...descriptionOf(await run(input, file), file),
    dockerfile: `${basename(path)}.Dockerfile`,
    ignoreText: existsSync(ignore) ? readFileSync(ignore, 'utf8') : undefined,
  };
}

/** The settings with what the program says; flags win. @throws invalid_argument */
export function withProgram(settings: BuildSettings, program: DescribedProgram): BuildSettings {
  const { target, buildArgs, contexts: own = {} } = settings;
  const contexts: Record<string, string> = { ...own };
  for (const [name, value] of Object.entries(program.contexts)) {
    if (Object.hasOwn(own, name)) continue;
    if (value === null)
      throw new LadingError('invalid_argument', `the program wants the context "${name}"`, {
        hint: `add --build-context ${name}=…`,
      });
    contexts[name] = value;
  }
  const wanted =
    target === undefined
      ? (program.wanted ?? undefined)
      : Object.hasOwn(program.targets, target)
        ? program.targets[target]!
        : target;
  // What only the program reads would be reported as not consumed.
  const declared = new Set([...program.dockerfileText.matchAll(/^(?:ONBUILD )?ARG (\w+)/gm)].map((match) => match[1]));
  const args = Object.entries(buildArgs).filter(([name]) => declared.has(name) || !program.argsRead.includes(name));
  return {
    ...settings,
    contexts,
    buildArgs: Object.fromEntries(args),
    ...(wanted === undefined ? {} : { target: wanted }),
  };
}

async function run(input: object, shown: string): Promise<unknown> {
  const flags = process.features.typescript ? [] : ['--experimental-strip-types'];
  const child = spawn(
    process.execPath,
    [...flags, '--disable-warning=ExperimentalWarning', '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', runner()],
    // What it prints goes to standard error: standard output is this command's.
    { stdio: ['pipe', 2, 'inherit', 'pipe'], env: withCompileCache(process.env) },
  );
  const ended = new Promise<string>((done, failed) => {
    child.once('error', failed);
    child.once('close', (status, signal) => done(signal ?? `status ${status}`));
  });
  ended.catch(() => undefined);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(JSON.stringify(input));
  try {
    const text = await readAll(child.stdio[3] as Readable, shown);
    const how = await ended;
    if (text === '') throw new LadingError('invalid_argument', `run ${shown}: it ended with ${how}`);
    return JSON.parse(text);
  } finally {
    child.kill('SIGKILL');
  }
}

/** Compiled code, types stripped, is kept where this process keeps its own. */
function withCompileCache(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const folder = getCompileCacheDir();
  return folder === undefined ? env : { NODE_COMPILE_CACHE: folder, ...env };
}

/** In dist/, whatever chunk this code is in. */
function runner(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    for (const name of ['build-program.js', 'dist/build-program.js'])
      if (existsSync(join(folder, name))) return join(folder, name);
    if (folder === '/')
      throw new LadingError('internal', 'run a program: build-program.js is missing: reinstall lading');
  }
}

async function readAll(stream: Readable, shown: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER)
      throw new LadingError('invalid_argument', `run ${shown}: its description has more than ${MAX_ANSWER} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The program is the user's, what it sends is checked all the same. */
function descriptionOf(answer: unknown, shown: string): Omit<DescribedProgram, 'dockerfile' | 'ignoreText'> {
  const document = objectOf(answer, shown);
  if (document['error'] !== undefined) {
    const { message, hint } = objectOf(document['error'], shown);
    throw new LadingError('invalid_argument', String(message), typeof hint === 'string' ? { hint } : {});
  }
  const { dockerfile, wanted, argsRead } = document;
  if (typeof dockerfile !== 'string' || (wanted !== null && typeof wanted !== 'string') || !Array.isArray(argsRead))
    throw invalid(shown);
  return {
    dockerfileText: dockerfile,
    wanted,
    argsRead: argsRead.map(String),
    contexts: mapOf(
      document['contexts'],
      shown,
      (value) => value === null || typeof value === 'string',
    ) as DescribedProgram['contexts'],
    targets: mapOf(document['targets'], shown, (value) => typeof value === 'string') as DescribedProgram['targets'],
  };
}

function mapOf(value: unknown, shown: string, fits: (value: unknown) => boolean): Record<string, unknown> {
  const map = objectOf(value, shown);
  if (!Object.values(map).every(fits)) throw invalid(shown);
  return map;
}

function objectOf(value: unknown, shown: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(shown);
  return value as Record<string, unknown>;
}

function invalid(shown: string): LadingError {
  return new LadingError('invalid_argument', `run ${shown}: what came back is not the description of a build`);
}
