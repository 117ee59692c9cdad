import { LadingError } from '../errors/index.ts';
import type { InstructionKind } from '../dockerfile/index.ts';
import { Mount } from './mounts.ts';
import { flagValue, fold, heredocBody, heredocName, json, jsonWords, word } from './quote.ts';
import type { From, Names } from './sources.ts';
import { argsIn, checkText, hasBreak, literalOf, partsOf, Reference, written, type Arg, type Text } from './values.ts';

/** One instruction as a program said it. */
export interface Draft {
  readonly kind: InstructionKind;
  /** Every text that may hold references to arguments. */
  readonly texts: readonly Text[];
  readonly froms: readonly From[];
  /** A value holds a line break, which no Dockerfile can say: see {@link NEWLINE}. */
  readonly breaks?: boolean;
  /** Ids of the secrets it mounts. */
  readonly secrets?: readonly string[];
  /** The instruction's lines, without the last line break. */
  render(names: Names): string;
}

/** A command: a text for the shell, or the arguments of a program. */
export type Command = Text | readonly string[];

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

/** The parser's limit, with room for what surrounds a line. */
const MAX_HEREDOC_LINE = 65_535;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function runDraft(command: Command, options: RunShellOptions): Draft {
  const { mounts = [], network, security, devices = [], env } = options;
  const texts = [...commandTexts(command), ...mounts.flatMap((mount) => mount.texts()), ...Object.values(env ?? {})];
  if (env !== undefined && Array.isArray(command))
    throw new LadingError('invalid_argument', 'run(): "env" needs a command for the shell, not an array', {
      hint: 'use .env() for the image, or ["env", "NAME=value", …]',
    });
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

function isArgv(command: Command): command is readonly string[] {
  return Array.isArray(command);
}

function commandTexts(command: Command): readonly Text[] {
  return isArgv(command) ? command : [command];
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

/** A program's arguments. Nothing expands them: a reference would arrive as it is written. */
function execForm(args: readonly string[], where: string): string {
  if (args.length === 0) throw new LadingError('invalid_argument', `${where}(): the array is empty`);
  for (const argument of args) {
    checkText(argument, `${where}()`);
    if (literalOf(argument) === undefined)
      throw new LadingError(
        'invalid_argument',
        `${where}(): the arguments of an array are not expanded: ${written(argument)}`,
        {
          hint: 'give a text for the shell, which sees declared arguments as variables',
        },
      );
  }
  return json(args);
}

/** A shell command on one line, or else a here-document, as a Dockerfile's author would write it. */
function script(command: Text): string {
  const text = written(command);
  checkText(text, 'run()');
  if (text.trim() === '') throw new LadingError('invalid_argument', 'run(): the command is empty');
  if (fitsOnLine(text) && !text.includes('<<')) return fold(`${text.startsWith('--') ? '-- ' : ''}${text}`);
  checkLines(text, 'run()');
  const name = heredocName(text);
  return `<<${name}\n${heredocBody(text, name)}`;
}

/** Whether the parser reads a line as this very text. */
function fitsOnLine(text: string): boolean {
  return (
    !text.includes('\n') &&
    text === text.trim() &&
    !text.endsWith('\\') &&
    !isJsonArray(text) &&
    !/^\u0085|\u0085$/.test(text)
  );
}

function isJsonArray(text: string): boolean {
  if (!text.startsWith('[')) return false;
  try {
    return Array.isArray(JSON.parse(text));
  } catch {
    return false;
  }
}

/** @throws invalid_argument for a line the parser would refuse */
export function checkLines(text: string, where: string): void {
  for (const line of text.split('\n'))
    if (line.length * 3 > MAX_HEREDOC_LINE && Buffer.byteLength(line) >= MAX_HEREDOC_LINE)
      throw new LadingError(
        'invalid_argument',
        `${where}: a line of ${Buffer.byteLength(line)} bytes, more than ${MAX_HEREDOC_LINE}`,
        {
          hint: 'put it into a file of the context',
        },
      );
}

/** CMD and ENTRYPOINT. */
export function commandDraft(kind: 'cmd' | 'entrypoint', command: Command): Draft {
  const text = commandLine(command, kind);
  return { kind, texts: commandTexts(command), froms: [], render: () => fold(`${kind.toUpperCase()} ${text}`) };
}

function commandLine(command: Command, where: string): string {
  if (isArgv(command)) return command.length === 0 ? '[]' : execForm(command, where);
  const text = written(command);
  checkText(text, `${where}()`);
  if (text.trim() === '') throw new LadingError('invalid_argument', `${where}(): the command is empty`);
  if (!fitsOnLine(text))
    throw new LadingError(
      'invalid_argument',
      `${where}(): no Dockerfile can say this command as a text: ${JSON.stringify(text.slice(0, 200))}`,
      {
        hint: 'give an array, for example ["/bin/sh", "-c", "…"]: it may hold line breaks, blanks at its ends and backslashes',
      },
    );
  return `${text.startsWith('--') ? '-- ' : ''}${text}`;
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

/** ENV and LABEL. */
export function pairsDraft(kind: 'env' | 'label', pairs: Readonly<Record<string, Text | number | boolean>>): Draft {
  const entries = Object.entries(pairs).map(([name, value]) => {
    checkKey(kind, name);
    const text = typeof value === 'object' || typeof value === 'string' ? value : String(value);
    if (typeof text === 'string') checkText(text, `${kind}(): ${name}`);
    return [name, text] as const;
  });
  const words = entries.map(([name, value]) => `${word(name)}=${word(value)}`);
  const separator = words.join(' ').length > 100 ? ' \\\n    ' : ' ';
  return {
    kind,
    texts: entries.map(([, value]) => value),
    froms: [],
    breaks: hasBreak(entries.map(([, value]) => value)),
    render: () => `${kind.toUpperCase()} ${words.map(fold).join(separator)}`,
  };
}

function checkKey(kind: 'env' | 'label', name: string): void {
  const bad = name === '' || /[=\0\r\n]/.test(name) || !name.isWellFormed() || (kind === 'env' && /\s/.test(name));
  if (bad || literalOf(name) === undefined)
    throw new LadingError('invalid_argument', `${kind}(): invalid name ${JSON.stringify(written(name))}`, {
      hint: 'a name is not empty and holds no "=" and no line break',
    });
}

export function argDraft(declared: Arg): Draft {
  const value = declared.default === undefined ? '' : `=${word(declared.default)}`;
  const breaks = hasBreak([declared.default ?? '']);
  return { kind: 'arg', texts: [], froms: [], breaks, render: () => fold(`ARG ${declared.name}${value}`) };
}

/** WORKDIR, USER, STOPSIGNAL: one word, expanded. */
export function wordDraft(kind: 'workdir' | 'user' | 'stopsignal', text: Text): Draft {
  if (typeof text === 'string') checkText(text, `${kind}()`);
  if (text === '') throw new LadingError('invalid_argument', `${kind}(): the text is empty`);
  const breaks = hasBreak([text]);
  return { kind, texts: [text], froms: [], breaks, render: () => fold(`${kind.toUpperCase()} ${word(text)}`) };
}

/** A port, a range, or either with a protocol. */
export type Port =
  | number
  | `${number}`
  | `${number}/${'tcp' | 'udp' | 'sctp'}`
  | `${number}-${number}`
  | `${number}-${number}/${'tcp' | 'udp' | 'sctp'}`
  | Reference;

export function exposeDraft(ports: readonly Port[]): Draft {
  const texts = ports.map((port) => (typeof port === 'number' ? String(port) : port));
  for (const text of texts)
    if (!/^\d{1,5}(-\d{1,5})?(\/(tcp|udp|sctp))?$/i.test(literalOf(text) ?? '0'))
      throw new LadingError('invalid_argument', `expose(): invalid port ${JSON.stringify(written(text))}`);
  return { kind: 'expose', texts, froms: [], render: () => `EXPOSE ${texts.map(written).join(' ')}` };
}

export function volumeDraft(paths: readonly Text[]): Draft {
  for (const path of paths) if (typeof path === 'string') checkText(path, 'volume()');
  const breaks = hasBreak(paths);
  return { kind: 'volume', texts: paths, froms: [], breaks, render: () => fold(`VOLUME ${jsonWords(paths)}`) };
}

export function shellDraft(args: readonly string[]): Draft {
  const text = execForm(args, 'shell');
  return { kind: 'shell', texts: [], froms: [], render: () => fold(`SHELL ${text}`) };
}

export function maintainerDraft(name: string): Draft {
  checkText(name, 'maintainer()');
  if (!fitsOnLine(name) || name === '')
    throw new LadingError('invalid_argument', 'maintainer(): no Dockerfile can say this name');
  return {
    kind: 'maintainer',
    texts: [],
    froms: [],
    render: () => fold(`MAINTAINER ${name.startsWith('--') ? '-- ' : ''}${name}`),
  };
}

/** The arguments a draft uses, each once. */
export function argsOf(draft: Draft): Arg[] {
  return [...new Set(draft.texts.flatMap(argsIn))];
}
