import { LadingError } from '../errors/index.ts';
import { checkLines } from './command-line.ts';
import type { Draft } from './draft.ts';
import { flagValue, fold, heredocBody, heredocName, heredocText, jsonWords, word } from './quote.ts';
import { GitSource, HttpSource, InlineFile, type From } from './sources.ts';
import { checkText, hasBreak, literalOf, type Text } from './values.ts';

interface FileOptions {
  /** "user:group", by names or numbers. */
  readonly chown?: Text;
  /** Octal digits, a number (0o755), or symbols ("u=rwX,go=rX"). */
  readonly chmod?: Text | number;
  /** A layer that does not depend on what is below it. */
  readonly link?: boolean;
  /** Patterns of what is left out. */
  readonly exclude?: readonly string[];
}

export interface CopyOptions extends FileOptions {
  /** A stage, an image or a named context; absent is the build's context. */
  readonly from?: From;
  /** Keep the folders above each source. */
  readonly parents?: boolean;
}

export interface AddOptions extends FileOptions {
  /** Git: keep the .git folder. */
  readonly keepGitDir?: boolean;
  /** Unpack archives: by default those of the context, not those of the web. */
  readonly unpack?: boolean;
}

export type CopySource = Text | InlineFile;
export type AddSource = Text | InlineFile | GitSource | HttpSource;

interface Written {
  readonly words: string[];
  readonly bodies: string[];
  readonly texts: Text[];
  readonly checksum: Text | undefined;
}

/** COPY and ADD. */
export function filesDraft(
  kind: 'copy' | 'add',
  sources: readonly AddSource[],
  dest: Text,
  options: CopyOptions & AddOptions,
): Draft {
  if (sources.length === 0) throw new LadingError('invalid_argument', `${kind}(): there is nothing to copy`);
  if (typeof dest === 'string') checkText(dest, `${kind}()`);
  if (dest === '') throw new LadingError('invalid_argument', `${kind}(): the destination is empty`);
  const { words, bodies, texts, checksum } = writeSources(kind, sources);
  const { from, chown, chmod } = options;
  const line = argumentsLine(kind, [...words, word(dest)], [...sources, dest], bodies.length > 0);
  const mode = typeof chmod === 'number' ? chmod.toString(8) : chmod;
  const flagTexts = [chown, mode, checksum].filter((text) => text !== undefined);
  return {
    kind,
    texts: [...texts, dest, ...flagTexts],
    froms: from === undefined ? [] : [from],
    breaks: hasBreak([
      ...sources.flatMap((source) => (source instanceof InlineFile ? [] : textOf(source))),
      dest,
      ...flagTexts,
    ]),
    render: (names) => {
      const flags = [
        ...(from === undefined ? [] : [`--from=${names(from)}`]),
        ...flag('chown', chown),
        ...flag('chmod', mode),
        ...flag('checksum', checksum),
        ...toggles(options),
        ...(options.exclude ?? []).map((pattern) => `--exclude=${flagValue(checkText(pattern, `${kind}()`))}`),
      ];
      return [fold([kind.toUpperCase(), ...flags, line].join(' ')), ...bodies].join('\n');
    },
  };
}

/** A flag whose value is expanded after it was unquoted. */
function flag(name: string, value: Text | undefined): string[] {
  if (value === undefined) return [];
  if (typeof value === 'string') checkText(value, name);
  return [`--${name}=${flagValue(word(value))}`];
}

function toggles({ link, parents, keepGitDir, unpack }: CopyOptions & AddOptions): string[] {
  const known = { link, parents, 'keep-git-dir': keepGitDir, unpack };
  return Object.entries(known).flatMap(([name, value]) =>
    value === undefined ? [] : [value ? `--${name}` : `--${name}=false`],
  );
}

function writeSources(kind: string, sources: readonly AddSource[]): Written {
  const files = sources.filter((source) => source instanceof InlineFile);
  if (files.length > 1 && files.some(({ name }) => name === undefined))
    throw new LadingError('invalid_argument', `${kind}(): several files of text need names`, {
      hint: "file('…', { name: 'motd' })",
    });
  if (new Set(files.map(({ name }) => name)).size < files.length)
    throw new LadingError('invalid_argument', `${kind}(): two files of text have the same name`);
  const bodies: string[] = [];
  const texts: Text[] = [];
  let checksum: Text | undefined;
  const words = sources.map((source) => {
    if (source instanceof InlineFile) {
      const { mark, body } = inlineFile(kind, source);
      bodies.push(body);
      texts.push(source.content);
      return mark;
    }
    if (source instanceof GitSource || source instanceof HttpSource) {
      if (source.checksum !== undefined && sources.length > 1)
        throw new LadingError('invalid_argument', `${kind}(): a source with a checksum has to be the only one`);
      checksum = source.checksum;
    }
    const text = source instanceof GitSource ? source.address : source instanceof HttpSource ? source.url : source;
    if (typeof text === 'string') checkText(text, `${kind}()`);
    if (text === '') throw new LadingError('invalid_argument', `${kind}(): a source is empty`);
    texts.push(text);
    return word(text);
  });
  return { words, bodies, texts, checksum };
}

function inlineFile(kind: string, { content, name }: InlineFile): { mark: string; body: string } {
  const expand = literalOf(content) === undefined;
  const text = expand ? heredocText(content) : (literalOf(content) ?? '');
  checkText(text, 'file()');
  checkLines(text, 'file()');
  const end = name ?? heredocName(text);
  if (text.split('\n').some((line) => line.replace(/\r+$/, '') === end))
    throw new LadingError('invalid_argument', `${kind}(): the file "${end}" has a line that is its own name`, {
      hint: 'leave its name away and name it in the destination',
    });
  return { mark: expand ? `<<${end}` : `<<"${end}"`, body: heredocBody(text, end) };
}

/** Words where the parser would read them as they are, else an array; beside a here-document there is no array. */
function argumentsLine(kind: string, words: string[], given: readonly (AddSource | Text)[], heredocs: boolean): string {
  const plain = words.every((text, i) => given[i] instanceof InlineFile || !/["'\\\s<[]|^--/.test(text));
  if (plain) return words.join(' ');
  if (!heredocs) return jsonWords(given.map((source) => textOf(source)));
  throw new LadingError(
    'invalid_argument',
    `${kind}(): a file of text cannot be copied along with or to a path that holds blanks or quotes`,
    {
      hint: 'copy it by itself, to a path without them',
    },
  );
}

function textOf(source: AddSource | Text): Text {
  if (source instanceof GitSource) return source.address;
  if (source instanceof HttpSource) return source.url;
  return source as Text;
}
