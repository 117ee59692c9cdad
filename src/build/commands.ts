import { LadingError } from '../errors/index.ts';
import { commandLine, commandTexts, execForm, isArgv, script, type Command } from './command-line.ts';
import type { Draft } from './draft.ts';
import { Mount } from './mounts.ts';
import { flagValue, fold } from './quote.ts';
import { hasBreak, partsOf, Reference, written, type Text } from './values.ts';

export interface RunOptions {
  readonly mounts?: readonly Mount[];
  /** "none": no network; "host": the host's, with the entitlement network.host. */
  readonly network?: 'default' | 'none' | 'host';
  /** "insecure": no sandbox, with the entitlement security.insecure. */
  readonly security?: 'sandbox' | 'insecure';
  /** CDI devices: "vendor.com/class=name", or with `,required`. */
  readonly devices?: readonly string[];
}

/** Options of a shell command. */
export interface RunShellOptions extends RunOptions {
  /** Variables of this step alone: exported in front of the command. */
  readonly env?: Readonly<Record<string, Text>>;
}

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function runDraft(command: Command, options: RunShellOptions): Draft {
  const { mounts = [], network, security, devices = [], env } = options;
  if (!mounts.every((mount) => mount instanceof Mount))
    throw new LadingError('invalid_argument', 'run(): a mount is made by bind(), cache(), tmpfs(), secret() or ssh()');
  if (env !== undefined && Array.isArray(command))
    throw new LadingError('invalid_argument', 'run(): "env" needs a command for the shell, not an array', {
      hint: 'use .env() for the image, or ["env", "NAME=value", …]',
    });
  const texts = [...commandTexts(command), ...mounts.flatMap((mount) => mount.texts()), ...Object.values(env ?? {})];
  const shown = isArgv(command) ? command : exported(command, env ?? {});
  return {
    kind: 'run',
    texts,
    froms: mounts.flatMap(({ from }) => from ?? []),
    breaks: mounts.some((mount) => hasBreak(mount.texts())),
    secrets: mounts.flatMap(({ type, id }) => (type === 'secret' && id !== undefined ? written(id) : [])),
    render: (names) => {
      const flags = [
        ...mounts.map((mount) => `--mount=${mount.render(names)}`),
        ...(network === undefined ? [] : [`--network=${flagValue(network)}`]),
        ...(security === undefined ? [] : [`--security=${flagValue(security)}`]),
        ...devices.map((device) => `--device=${flagValue(device)}`),
      ];
      return ['RUN', ...flags, isArgv(shown) ? fold(execForm(shown, 'run')) : script(shown)].join(' ');
    },
  };
}

function exported(command: Text, env: Readonly<Record<string, Text>>): Text {
  const pairs = Object.entries(env).map(([name, value]) => {
    if (!VARIABLE.test(name))
      throw new LadingError('invalid_argument', `run(): invalid variable name "${name}" in "env"`);
    return `${name}=${shellQuote(value)}`;
  });
  return pairs.length === 0 ? command : `export ${pairs.join(' ')}; ${String(command)}`;
}

/** One word of a POSIX shell; references go into double quotes, so that the shell replaces them. */
function shellQuote(text: Text): string {
  return (
    partsOf(text)
      .map((part) => (part instanceof Reference ? `"${String(part)}"` : `'${part.replaceAll("'", `'\\''`)}'`))
      .join('') || "''"
  );
}

/** CMD and ENTRYPOINT. */
export function commandDraft(kind: 'cmd' | 'entrypoint', command: Command): Draft {
  const text = commandLine(command, kind);
  return { kind, texts: commandTexts(command), froms: [], render: () => fold(`${kind.toUpperCase()} ${text}`) };
}

/** A number of milliseconds, or a text such as "1m30s". */
export type Duration =
  | number
  | `${number}${'ns' | 'us' | 'ms' | 's' | 'm' | 'h'}`
  | `${number}m${number}s`
  | `${number}h${number}m`;

export interface HealthcheckOptions {
  readonly interval?: Duration;
  readonly timeout?: Duration;
  readonly startPeriod?: Duration;
  readonly startInterval?: Duration;
  readonly retries?: number;
}

export function healthcheckDraft(command: Command | false, options: HealthcheckOptions): Draft {
  const texts = command === false ? [] : commandTexts(command);
  const line = command === false ? 'NONE' : `CMD ${commandLine(command, 'healthcheck')}`;
  const { interval, timeout, startPeriod, startInterval, retries } = options;
  const flags = [
    ['interval', interval],
    ['timeout', timeout],
    ['start-period', startPeriod],
    ['start-interval', startInterval],
  ] as const;
  const words = flags.flatMap(([name, value]) => (value === undefined ? [] : `--${name}=${duration(value)}`));
  if (retries !== undefined) words.push(`--retries=${retries}`);
  return { kind: 'healthcheck', texts, froms: [], render: () => fold(['HEALTHCHECK', ...words, line].join(' ')) };
}

function duration(value: Duration): string {
  return typeof value === 'number' ? `${value}ms` : flagValue(value);
}

export function shellDraft(args: readonly string[]): Draft {
  const text = execForm(args, 'shell');
  return { kind: 'shell', texts: [], froms: [], render: () => fold(`SHELL ${text}`) };
}
