import { DockerfileError, Problem } from '../dockerfile-error.ts';

export const MAX_DOCKERFILE_BYTES = 4 * 1024 * 1024;
/** BuildKit reads lines through a buffer of this size. */
const MAX_LINE_BYTES = 65_536;

/** The text of a Dockerfile without a byte order mark. */
export function decodeSource(source: string | Uint8Array, filename: string): string {
  const size = typeof source === 'string' ? source.length : source.byteLength;
  if (size > MAX_DOCKERFILE_BYTES)
    throw new DockerfileError(`the Dockerfile (${filename}) is larger than ${MAX_DOCKERFILE_BYTES} bytes`, {
      filename,
      source: '',
    });
  const text = typeof source === 'string' ? source.toWellFormed() : new TextDecoder().decode(source);
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

/** A cursor over the lines of a text; every line keeps its line break. */
export class SourceLines {
  readonly #text: string;
  #at = 0;
  /** Number of the line returned last, 1-based; 0 before the first. */
  number = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(): string | undefined {
    if (this.#at >= this.#text.length) return undefined;
    const newline = this.#text.indexOf('\n', this.#at);
    const end = newline < 0 ? this.#text.length : newline + 1;
    const line = this.#text.slice(this.#at, end);
    this.#at = end;
    this.number++;
    if (line.length * 3 > MAX_LINE_BYTES && Buffer.byteLength(line) > MAX_LINE_BYTES)
      throw new Problem(
        `dockerfile line greater than max allowed size of ${MAX_LINE_BYTES - 1}`,
        undefined,
        'break the line with a backslash at its end, or put the text in a file',
      );
    if (line.includes('\0'))
      throw new Problem('dockerfile line contains a NUL character', undefined, 'save the file as UTF-8 text');
    return line;
  }
}

/** A line without its line break. */
export function trimNewline(line: string): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] === '\n' || line[end - 1] === '\r')) end--;
  return line.slice(0, end);
}
