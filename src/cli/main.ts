import { isLadingError, messageOf } from '../errors/index.ts';
import { findCommand, type CommandEntry } from './commands.ts';
import type { GlobalOptions } from './context.ts';
import { parseArguments } from './flags.ts';
import { GLOBAL_FLAGS } from './global-flags.ts';
import { EXIT_FAILURE, ExitError, UsageError } from './usage-error.ts';
import type { Command } from './command.ts';

const SIGPIPE_STATUS = 141;

/** The command line's whole life: parses, runs one verb, ends the process with its status. */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', endWhenReaderIsGone);
  let status: number;
  try {
    status = await dispatch(argv);
  } catch (error) {
    status = await report(error);
  }
  process.exit(status);
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const { flags, args } = parseArguments(argv, GLOBAL_FLAGS, { stopAtPositional: true });
  if (flags.bool('version')) return (await import('./print-version.ts')).printVersion();
  const found = findCommand(args);
  if (found === undefined || 'group' in found) {
    const { printHelp } = await import('./help.ts');
    return printHelp(args, found, flags.bool('help'));
  }
  const options: GlobalOptions = { host: flags.text('host'), configDir: flags.text('config') };
  const command = await found.entry.load();
  if (flags.bool('help')) return showHelp(command);
  return runCommand(command, found, args.slice(found.words), options);
}

async function runCommand(
  command: Command,
  found: { entry: CommandEntry },
  words: readonly string[],
  options: GlobalOptions,
): Promise<number> {
  try {
    if (asksForHelp(command, words)) return await showHelp(command);
    const { flags, args } = parseArguments(words, command.flags, {
      stopAtPositional: command.stopAtPositional ?? false,
    });
    checkArity(command, args.length);
    const { createContext } = await import('./context.ts');
    return (await command.run({ flags, args, context: createContext(options) })) ?? 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const name = found.entry.names[0] ?? command.name;
    process.stderr.write(
      `${error.message}\n\nUsage:  lading ${name} ${command.usage}\n\n${error.status === EXIT_FAILURE ? 'See' : 'Run'} 'lading ${name} --help' for more information\n`,
    );
    return error.status;
  }
}

/** `--help` before any positional (and not as another flag's value, where that can be told). */
function asksForHelp(command: Command, words: readonly string[]): boolean {
  const end = words.findIndex((word) => word === '--' || (command.stopAtPositional === true && !word.startsWith('-')));
  return words.slice(0, end < 0 ? undefined : end).includes('--help');
}

async function showHelp(command: Command): Promise<number> {
  const { commandHelp } = await import('./help.ts');
  process.stdout.write(commandHelp(command));
  return 0;
}

function checkArity(command: Command, count: number): void {
  const [least, most] = command.arity ?? [0, 0];
  if (count >= least && count <= most) return;
  const plural = (amount: number): string => `${amount} argument${amount === 1 ? '' : 's'}`;
  const wanted =
    most === 0
      ? 'accepts no arguments'
      : least === most
        ? `requires ${plural(least)}`
        : count < least
          ? `requires at least ${plural(least)}`
          : `requires at most ${plural(most)}`;
  throw new UsageError(`lading: 'lading ${command.name}' ${wanted}`, EXIT_FAILURE);
}

/** Shows an error the way Docker's scripts expect it and gives the exit status. */
async function report(error: unknown): Promise<number> {
  if (error instanceof ExitError) {
    if (error.message !== '') process.stderr.write(`${error.message}\n`);
    return error.status;
  }
  if (isLadingError(error)) {
    const { describeError } = await import('./describe-error.ts');
    process.stderr.write(`${describeError(error)}\n`);
    return error instanceof UsageError ? error.status : EXIT_FAILURE;
  }
  process.stderr.write(`lading: ${messageOf(error)}\n`);
  if (process.env['LADING_DEBUG'] !== undefined && error instanceof Error)
    process.stderr.write(`${error.stack ?? ''}\n`);
  return EXIT_FAILURE;
}

function endWhenReaderIsGone(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(SIGPIPE_STATUS);
}
