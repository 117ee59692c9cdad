import { Problem } from '../dockerfile-error.ts';
import { trimSpace, trimStart } from '../text.ts';

export type EscapeCharacter = '\\' | '`';

/** Values of the `# name=value` lines at the top of a file, as written. */
export interface Directives {
  syntax?: string;
  escape?: string;
  check?: string;
}

const DIRECTIVE = /^([a-z][a-z0-9]*)\s*=(.*)$/i;
const NAMES: readonly string[] = ['syntax', 'escape', 'check'] satisfies (keyof Directives)[];

/** Collects parser directives until the first line that is none: comments behind it are only comments. */
export class DirectiveReader {
  readonly values: Directives = {};
  escape: EscapeCharacter = '\\';
  #done = false;

  /** Returns whether the line, stripped of its line break, is a directive. */
  read(line: string): boolean {
    if (this.#done) return false;
    const match = line.startsWith('#') ? DIRECTIVE.exec(trimStart(line.slice(1))) : null;
    const name = match?.[1]?.toLowerCase() ?? '';
    const value = trimSpace(match?.[2] ?? '');
    if (!isName(name) || value === '') {
      this.#done = true;
      return false;
    }
    if (this.values[name] !== undefined)
      throw new Problem(`only one ${name} parser directive can be used`, match?.[1], 'remove one of them');
    if (name === 'escape') this.escape = toEscape(value);
    this.values[name] = value;
    return true;
  }
}

function isName(name: string): name is keyof Directives {
  return NAMES.includes(name);
}

function toEscape(value: string): EscapeCharacter {
  if (value === '\\' || value === '`') return value;
  throw new Problem(
    `invalid escape token '${value}' does not match \` or \\`,
    value,
    'write # escape=` or remove the line',
  );
}
