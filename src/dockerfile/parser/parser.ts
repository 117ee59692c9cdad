import { locate, Problem, type SourceFile, type SourceLocation } from '../dockerfile-error.ts';
import { cutBlanks, trimSpace, trimStart } from '../text.ts';
import { usageHint } from '../instructions/usage.ts';
import { parseArguments, type Arguments } from './arguments.ts';
import { DirectiveReader, type Directives, type EscapeCharacter } from './directives.ts';
import { heredocMarksOf, readHeredoc, type Heredoc } from './heredoc.ts';
import { takeFlags } from './quoted-words.ts';
import { SourceLines, trimNewline } from './source-lines.ts';

/** One instruction split into its parts, not yet understood. */
export interface Node extends Arguments {
  /** As written; compare `keyword`. */
  readonly name: string;
  /** Lower case. */
  readonly keyword: string;
  readonly flags: readonly string[];
  readonly heredocs: readonly Heredoc[];
  /** Continuation lines joined, comments removed. */
  readonly original: string;
  readonly location: SourceLocation;
  /** Comment lines directly above. */
  readonly comments: readonly string[];
}

export interface ParseResult {
  readonly nodes: Node[];
  readonly escape: EscapeCharacter;
  readonly directives: Directives;
  /** Numbers of the lines that end an instruction with an empty line inside. */
  readonly emptyContinuations: number[];
}

/** First stage: lines, directives, comments, continuations and here-documents. */
export function parseNodes(file: SourceFile): ParseResult {
  return new Parser(file).run();
}

class Parser {
  readonly #file: SourceFile;
  readonly #lines: SourceLines;
  readonly #directives = new DirectiveReader();
  readonly #emptyContinuations: number[] = [];
  #comments: string[] = [];
  #startLine = 1;
  /** Of the instruction being read. */
  #keyword = '';

  constructor(file: SourceFile) {
    this.#file = file;
    this.#lines = new SourceLines(file.source);
  }

  run(): ParseResult {
    const nodes: Node[] = [];
    try {
      for (let line = this.#nextStart(); line !== undefined; line = this.#nextStart()) {
        const node = this.#instruction(line);
        if (node) nodes.push(node);
      }
    } catch (error) {
      const endLine = Math.max(this.#lines.number, this.#startLine);
      throw locate(error, this.#file, { startLine: this.#startLine, endLine }, usageHint(this.#keyword));
    }
    const { escape, values } = this.#directives;
    return { nodes, escape, directives: values, emptyContinuations: this.#emptyContinuations };
  }

  #nextStart(): string | undefined {
    this.#startLine = this.#lines.number + 1;
    return this.#lines.next();
  }

  #instruction(first: string): Node | undefined {
    const line = trimStart(trimNewline(first));
    if (this.#directives.read(line)) return undefined;
    if (line.startsWith('#')) {
      this.#comment(line);
      return undefined;
    }
    const start = this.#continuation(line);
    if (!start.continues && start.text === '') return undefined;
    const joined = start.continues ? this.#join(start.text) : start.text;
    const parts = this.#parts(joined);
    const heredocs = announcesHeredocs(parts, joined)
      ? heredocMarksOf(joined).map((mark) => readHeredoc(mark, this.#lines))
      : [];
    const location = { startLine: this.#startLine, endLine: this.#lines.number };
    const comments = this.#comments;
    this.#comments = [];
    return { ...parts, heredocs, original: trimSpace(joined), location, comments };
  }

  #comment(line: string): void {
    const comment = trimSpace(line.slice(1));
    if (comment === '') this.#comments = [];
    else this.#comments.push(comment);
  }

  /** Adds lines until one does not end with the escape character; skips comments and blank lines, which a check reports. */
  #join(first: string): string {
    const pieces = [first];
    let blank = false;
    for (let raw = this.#lines.next(); raw !== undefined; raw = this.#lines.next()) {
      const line = trimNewline(raw);
      const content = trimStart(line);
      if (content.startsWith('#')) continue;
      if (content === '') {
        blank = true;
        continue;
      }
      const { text, continues } = this.#continuation(line);
      pieces.push(text);
      if (!continues) break;
    }
    if (blank) this.#emptyContinuations.push(this.#lines.number);
    return pieces.join('');
  }

  /** An escape at the end of a line, blanks behind it allowed, continues it; a doubled one does not. */
  #continuation(line: string): { text: string; continues: boolean } {
    const escape = this.#directives.escape;
    let end = line.length;
    while (line[end - 1] === ' ' || line[end - 1] === '\t') end--;
    if (line[end - 1] !== escape || line[end - 2] === escape) return { text: line, continues: false };
    return { text: line.slice(0, end - 1), continues: true };
  }

  #parts(line: string): Omit<Node, 'heredocs' | 'original' | 'location' | 'comments'> {
    const { first: name, rest: after = '' } = cutBlanks(trimSpace(line));
    const keyword = name.toLowerCase();
    this.#keyword = keyword;
    const { flags, rest } = takeFlags(after, this.#directives.escape);
    return { name, keyword, flags, ...parseArguments(keyword, trimSpace(rest), this.#directives.escape) };
  }
}

const HEREDOC_KEYWORDS: readonly string[] = ['add', 'copy', 'run'];

function announcesHeredocs(node: Pick<Node, 'keyword' | 'json' | 'args'>, line: string): boolean {
  if (!line.includes('<<') || node.json) return false;
  if (HEREDOC_KEYWORDS.includes(node.keyword)) return true;
  if (node.keyword !== 'onbuild') return false;
  const { first, rest = '' } = cutBlanks(node.args[0] ?? '');
  return HEREDOC_KEYWORDS.includes(first.toLowerCase()) && !isJson(first.toLowerCase(), rest);
}

function isJson(keyword: string, rest: string): boolean {
  try {
    return parseArguments(keyword, takeFlags(rest, '\\').rest, '\\').json ?? false;
  } catch (error) {
    if (error instanceof Problem) return true;
    throw error;
  }
}
