import { LadingError } from '../errors/index.ts';
import { fold, heredocBody, heredocName, json } from './quote.ts';
import { checkText, literalOf, written, type Text } from './values.ts';

/** A command: a text for the shell, or the arguments of a program. */
export type Command = Text | readonly string[];

/** The parser's limit, with room for what surrounds a line. */
const MAX_HEREDOC_LINE = 65_535;

export function isArgv(command: Command): command is readonly string[] {
  return Array.isArray(command);
}

export function commandTexts(command: Command): readonly Text[] {
  return isArgv(command) ? command : [command];
}

/** A program's arguments. Nothing expands them: a reference would arrive as it is written. */
export function execForm(args: readonly string[], where: string): string {
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
export function script(command: Text): string {
  const text = written(command);
  checkText(text, 'run()');
  if (text.trim() === '') throw new LadingError('invalid_argument', 'run(): the command is empty');
  if (fitsOnLine(text) && !text.includes('<<')) return fold(`${text.startsWith('--') ? '-- ' : ''}${text}`);
  checkLines(text, 'run()');
  const name = heredocName(text);
  return `<<${name}\n${heredocBody(text, name)}`;
}

/** Whether the parser reads a line as this very text. */
export function fitsOnLine(text: string): boolean {
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

/** The command of a CMD, an ENTRYPOINT, a HEALTHCHECK: one line. */
export function commandLine(command: Command, where: string): string {
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
