import { checkDestinations, ReceivedExports } from '../../../client/files/index.ts';
import type { BuildEvent, BuildSettings } from '../../../client/index.ts';
import { LadingError, isLadingError } from '../../../errors/index.ts';
import { CallDisplay, callOf } from '../../build/call.ts';
import { resolveContext, type ResolvedContext } from '../../build/context.ts';
import { BUILD_FLAGS } from '../../build/flags.ts';
import { FailedStepShells, hasTerminal } from '../../build/failed-step.ts';
import { secretsOf } from '../../build/secrets.ts';
import type { DescribedProgram } from '../../build/program.ts';
import { programFile } from '../../build/program-file.ts';
import { settingsOf } from '../../build/settings.ts';
import { openSshAgents } from '../../build/ssh.ts';
import type { Command, Context, Invocation } from '../../command.ts';
import { allCredentials } from '../../credentials.ts';
import type { FlagValues } from '../../flags.ts';
import { writeSmallFile } from '../../output-file.ts';
import type { BuildDisplay } from '../../progress/build-display.ts';
import { BuildWarnings } from '../../progress/build-warnings.ts';
import { EXIT_FAILURE, ExitError, UsageError } from '../../usage-error.ts';

type Result = Extract<BuildEvent, { kind: 'result' }>;

export const command: Command = {
  name: 'build',
  summary: 'Build an image from a Dockerfile or a program',
  usage: '[OPTIONS] PATH | URL | - | PROGRAM.ts',
  flags: BUILD_FLAGS,
  examples: [
    'lading build -t my/app:1 .',
    'lading build --target test --progress plain .',
    'lading build - < Dockerfile',
    'lading build -t my/app:1 build.ts',
  ],
  arity: [0, 1],
  async run(invocation) {
    const { args, flags, context } = invocation;
    if (args.length === 0 && programFile(undefined, flags.text('file')) === undefined)
      throw new UsageError("lading: 'lading build' requires 1 argument", EXIT_FAILURE);
    const call = callOf(flags);
    if (call.call !== 'build') {
      const display = new CallDisplay();
      await buildShowing(invocation, display);
      return display.print(context, call);
    }
    const quiet = flags.bool('quiet') || flags.text('progress') === 'quiet';
    const result = await buildShowing(invocation, await displayFor(flags, context, quiet));
    const iidfile = flags.text('iidfile');
    if (iidfile !== undefined) writeSmallFile(iidfile, result.imageId ?? '', 'the image ID');
    const metadataFile = flags.text('metadata-file');
    if (metadataFile !== undefined)
      writeSmallFile(metadataFile, `${JSON.stringify(result.metadata, undefined, 2)}\n`, 'the metadata');
    if (quiet && result.imageId !== undefined && !toStdout(flags)) context.stdout.write(`${result.imageId}\n`);
  },
};

/** An output owns standard output then. */
function toStdout(flags: FlagValues): boolean {
  return (settingsOf(flags, {}).outputs ?? []).some(({ attrs }) => attrs['dest'] === '-');
}

async function buildShowing(invocation: Invocation, display: BuildDisplay): Promise<Result> {
  let failed = true;
  try {
    const result = await buildWhereAllowed(invocation, display);
    failed = false;
    return result;
  } catch (error) {
    display.finish(true);
    if (!(error instanceof BuildFailure)) throw error;
    throw new ExitError(EXIT_FAILURE, `ERROR: failed to build: ${error.message}`);
  } finally {
    if (!failed) display.finish(false);
  }
}

/** Folders are read in place by a daemon of the same user on this machine; others are sent a tar. */
async function buildWhereAllowed(invocation: Invocation, display: BuildDisplay): Promise<Result> {
  const { args, flags, context } = invocation;
  const program = programFile(args[0], flags.text('file'));
  const path = program?.path ?? args[0] ?? '';
  const described = program && (await describe(program.file, invocation));
  const resolve = (inPlace: boolean): Promise<ResolvedContext> =>
    resolveContext(context, path, flags.text('file'), inPlace, described);
  const inPlace = context.client.isLocal;
  try {
    return await runBuild(invocation, await resolve(inPlace), display, described);
  } catch (error) {
    if (!inPlace || path === '-' || error instanceof BuildFailure || !isLadingError(error, 'permission_denied'))
      throw error;
    return await runBuild(invocation, await resolve(false), display, described);
  }
}

/** Loaded for programs only. */
async function describe(file: string, { flags, context }: Invocation): Promise<DescribedProgram> {
  return (await import('../../build/program.ts')).describeProgram(file, settingsOf(flags, context.env));
}

async function settingsFor(
  { flags, context }: Invocation,
  program: DescribedProgram | undefined,
): Promise<BuildSettings> {
  const settings = withoutShell(settingsOf(flags, context.env), context);
  return program ? (await import('../../build/program.ts')).withProgram(settings, program) : settings;
}

async function runBuild(
  invocation: Invocation,
  { context: files, dockerfile = 'Dockerfile', dockerfileText, ignoreText }: ResolvedContext,
  display: BuildDisplay,
  program: DescribedProgram | undefined,
): Promise<Result> {
  const { flags, context } = invocation;
  const credentials = await allCredentials(context);
  await using agents = await openSshAgents(flags.list('ssh'), context.env);
  const settings = {
    ...(await settingsFor(invocation, program)),
    ssh: agents.sockets,
    secrets: secretsOf(flags.list('secret'), context.env),
    dockerfile,
    ...(dockerfileText === undefined ? {} : { dockerfileText }),
    ...(ignoreText === undefined ? {} : { ignoreText }),
  };
  const { outputs = [] } = settings;
  await checkDestinations(outputs, context.stdout);
  const received = new ReceivedExports(outputs, {
    fetch: (id) => context.client.images.buildExport(id),
    stdout: context.stdout,
    note: (text) => void context.stderr.write(`NOTE: ${text}\n`),
  });
  const events = context.client.images.build(files, settings, {
    ...(credentials === undefined ? {} : { credentials }),
    signal: received.signal,
  });
  const shells = new FailedStepShells(context, display);
  // Awaited here: the agents live as long as the build.
  return await received.around(async () => {
    for await (const event of events) {
      if (event.kind === 'error' || event.kind === 'result') await shells.ended();
      if (event.kind === 'error')
        throw new BuildFailure(`${event.message}${event.hint === undefined ? '' : `\nhint: ${event.hint}`}`);
      if (event.kind === 'export') received.begin(event);
      shells.show(event);
      if (event.kind === 'result') return event;
    }
    throw new LadingError('internal', 'build: the daemon ended the connection without a result');
  });
}

/** Without a terminal there is nowhere to open a shell: the build fails as usual. */
function withoutShell(settings: BuildSettings, context: Context): BuildSettings {
  if (settings.onError === undefined || hasTerminal(context)) return settings;
  context.stderr.write('--on-error shell needs a terminal: a failed step is not kept\n');
  const { onError: _ignored, ...rest } = settings;
  return rest;
}

/** What `--progress` asks for. */
export async function displayFor(flags: FlagValues, context: Context, quiet: boolean): Promise<BuildDisplay> {
  const mode = quiet ? 'quiet' : (flags.text('progress') ?? context.env['BUILDKIT_PROGRESS'] ?? 'auto');
  const { stderr } = context;
  if (mode === 'quiet' || mode === 'none') return { show: () => undefined, finish: () => undefined };
  if (mode === 'json' || mode === 'rawjson')
    return { show: (event) => void stderr.write(`${JSON.stringify(event)}\n`), finish: () => undefined };
  if (mode === 'tty' || (mode === 'auto' && stderr.isTTY)) {
    const { TtyDisplay } = await import('../../progress/build-tty.ts');
    const colors = (context.env['NO_COLOR'] ?? '') === '';
    return new TtyDisplay(stderr, { colors, expandWarnings: flags.bool('debug') });
  }
  if (mode !== 'auto' && mode !== 'plain')
    throw new UsageError(`invalid progress mode "${mode}": auto, plain, tty, quiet, none, json or rawjson is wanted`);
  const { PlainDisplay } = await import('../../progress/build-plain.ts');
  const warnings = new BuildWarnings(flags.bool('debug'));
  return new PlainDisplay((words) => void stderr.write(words), undefined, warnings);
}

/** The build itself failed, as opposed to the way to the daemon. */
class BuildFailure extends LadingError {
  constructor(message: string) {
    super('internal', message);
  }
}
