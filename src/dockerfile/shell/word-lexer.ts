import { Problem } from '../dockerfile-error.ts';
import { MAX_EXPANDED, removePrefix, removeSuffix, replaceMatches, tooLarge } from './pattern.ts';
import { WordCollector } from './word-collector.ts';

/** Variables visible to an expansion. */
export type Env = ReadonlyMap<string, string>;

export interface LexerOptions {
  readonly escape: '\\' | '`';
  /** Keep quote characters in the result. */
  readonly rawQuotes?: boolean;
  /** Keep escape characters in the result. */
  readonly rawEscapes?: boolean;
  /** Treat quotes as ordinary characters (contents of here-documents). */
  readonly skipQuotes?: boolean;
  /** Leave references to unset variables as written. */
  readonly keepUnset?: boolean;
}

/** A line break, for which the language has no writing of its own: lading's addition, used by builds in TypeScript. */
const NEWLINE_VARIABLE = 'LADING_NEWLINE';
const MAX_DEPTH = 64;
const DIGITS = /\p{Nd}+/uy;
const NAME = /[\p{L}\p{Nd}_]+/uy;
const SPECIAL_PARAMETERS = '@*#?-$!0';

/** Expands one word: quotes, escapes and every `$` form of BuildKit's shell/lex.go. Use once. */
export class WordLexer {
  readonly used = new Set<string>();
  readonly unset = new Set<string>();
  readonly #text: string;
  readonly #env: Env;
  readonly #options: LexerOptions;
  #rawEscapes: boolean;
  #at = 0;
  #depth = 0;
  #produced = 0;

  constructor(text: string, env: Env, options: LexerOptions) {
    this.#text = text;
    this.#env = env;
    this.#options = options;
    this.#rawEscapes = options.rawEscapes ?? false;
  }

  run(): { value: string; words: string[] } {
    try {
      return this.#until(undefined, this.#rawEscapes);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw new Problem(
        `failed to process ${JSON.stringify(this.#text.slice(0, 1000))}: ${error.message}`,
        error.token,
      );
    }
  }

  #peek(): string | undefined {
    return this.#text[this.#at];
  }

  #next(): string | undefined {
    return this.#text[this.#at++];
  }

  #until(stop: string | undefined, rawEscapes: boolean): { value: string; words: string[] } {
    const outer = this.#rawEscapes;
    this.#rawEscapes = rawEscapes;
    if (++this.#depth > MAX_DEPTH) throw new Problem(`substitutions are nested deeper than ${MAX_DEPTH}`);
    const words = new WordCollector();
    let value = '';
    for (let ch = this.#peek(); ch !== stop; ch = this.#peek()) {
      if (ch === undefined) throw new Problem(`unexpected end of statement while looking for matching ${stop}`);
      value += this.#piece(ch, words);
    }
    if (stop !== undefined) this.#at++;
    this.#depth--;
    this.#rawEscapes = outer;
    return { value, words: words.words() };
  }

  /** Consumes what begins with `ch`, hands it to `words` and returns its expansion. */
  #piece(ch: string, words: WordCollector): string {
    if (ch === '$') {
      const value = this.#dollar();
      words.add(value);
      return value;
    }
    const quoted = this.#quotedPiece(ch);
    if (quoted !== undefined) {
      words.addQuoted(quoted);
      return quoted;
    }
    this.#at++;
    if (ch === this.#options.escape) return this.#escaped(ch, words);
    words.add(ch);
    return ch;
  }

  #quotedPiece(ch: string): string | undefined {
    if (ch === '<') return this.#heredocOperator();
    if (this.#options.skipQuotes) return undefined;
    if (ch === "'") return this.#singleQuoted();
    if (ch === '"') return this.#doubleQuoted();
    return undefined;
  }

  #escaped(escape: string, words: WordCollector): string {
    const kept = this.#rawEscapes ? escape : '';
    const value = kept + (this.#next() ?? '');
    if (value !== '') words.addQuoted(value);
    return value;
  }

  #singleQuoted(): string {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end < 0) throw new Problem('unexpected end of statement while looking for matching single-quote');
    const inner = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return this.#options.rawQuotes ? `'${inner}'` : inner;
  }

  #doubleQuoted(): string {
    this.#at++;
    let value = '';
    for (let ch = this.#peek(); ch !== '"'; ch = this.#peek()) {
      if (ch === undefined) throw new Problem('unexpected end of statement while looking for matching double-quote');
      if (ch === '$') value += this.#dollar();
      else {
        this.#at++;
        value += ch === this.#options.escape ? this.#escapedInQuotes(ch) : ch;
      }
    }
    this.#at++;
    return this.#options.rawQuotes ? `"${value}"` : value;
  }

  /** Inside double quotes only the quote, `$` and the escape itself can be escaped. */
  #escapedInQuotes(escape: string): string {
    const kept = this.#rawEscapes ? escape : '';
    const ch = this.#peek();
    if (ch === undefined) return kept;
    if (ch !== '"' && ch !== '$' && ch !== escape) return kept + escape;
    this.#at++;
    return kept + ch;
  }

  /** `<<` keeps the blanks behind it, so that `<< EOF` stays one word. */
  #heredocOperator(): string {
    const start = this.#at++;
    if (this.#peek() !== '<') return '<';
    this.#at++;
    for (let ch = this.#peek(); ch === ' ' || ch === '\t' || ch === '\r'; ch = this.#peek()) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() === '{') return this.#braced();
    const name = this.#name();
    if (name === '') return '$';
    const value = this.#lookup(name);
    return value === undefined && this.#options.keepUnset ? `$${name}` : this.#produce(value ?? '');
  }

  #braced(): string {
    this.#at++;
    const first = this.#peek();
    if (first === undefined) throw missingBrace();
    if (first === '{' || first === '}' || first === ':') throw new Problem('syntax error: bad substitution');
    const name = this.#name();
    const modifier = this.#next();
    if (modifier === undefined) throw missingBrace();
    if (modifier === '}') {
      const value = this.#lookup(name);
      return value === undefined && this.#options.keepUnset ? `\${${name}}` : this.#produce(value ?? '');
    }
    if (modifier === '/') return this.#produce(this.#replacement(name));
    if (modifier === ':') return this.#produce(this.#conditional(name, this.#next() ?? '', true));
    if ('+-?#%'.includes(modifier)) return this.#produce(this.#conditional(name, modifier, false));
    throw unsupported(modifier);
  }

  #conditional(name: string, modifier: string, nullIsUnset: boolean): string {
    const written = nullIsUnset ? `:${modifier}` : modifier;
    const trims = modifier === '#' || modifier === '%';
    if ((nullIsUnset && trims) || modifier === '' || !'+-?#%'.includes(modifier)) throw unsupported(written);
    const word = this.#braceBody('}', trims, "missing '}'");
    const value = this.#lookup(name);
    if (value === undefined && this.#options.keepUnset) return `\${${name}${written}${word}}`;
    const absent = value === undefined || (nullIsUnset && value === '');
    if (modifier === '-') return absent ? word : value;
    if (modifier === '+') return absent ? '' : word;
    if (modifier !== '?') return trim(value ?? '', modifier, word);
    if (!absent) return value;
    throw new Problem(`${name}: ${word || `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`}`);
  }

  #replacement(name: string): string {
    const all = this.#peek() === '/';
    if (all) this.#at++;
    const pattern = this.#braceBody('/', true, "missing '/' in ${}");
    const replacement = this.#braceBody('}', true, "missing '}'");
    const value = this.#lookup(name);
    if (value === undefined && this.#options.keepUnset) return `\${${name}/${pattern}/${replacement}}`;
    return replaceMatches(value ?? '', pattern, replacement, all);
  }

  #braceBody(stop: string, rawEscapes: boolean, missing: string): string {
    try {
      return this.#until(stop, rawEscapes).value;
    } catch (error) {
      if (error instanceof Problem && this.#peek() === undefined && this.#depth <= MAX_DEPTH)
        throw new Problem(`syntax error: ${missing}`);
      throw error;
    }
  }

  #name(): string {
    const digits = this.#take(DIGITS);
    if (digits !== '') return digits;
    const ch = this.#peek();
    if (ch !== undefined && SPECIAL_PARAMETERS.includes(ch)) {
      this.#at++;
      return ch;
    }
    return this.#take(NAME);
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += match.length;
    return match;
  }

  #lookup(name: string): string | undefined {
    const value = this.#env.get(name);
    if (value === undefined && name === NEWLINE_VARIABLE && !this.#options.keepUnset) return '\n';
    (value === undefined ? this.unset : this.used).add(name);
    return value;
  }

  /** Counts what substitutions produce: `ENV a=$a$a` repeated must not grow without bound. */
  #produce(value: string): string {
    this.#produced += value.length;
    if (this.#produced > MAX_EXPANDED) throw tooLarge();
    return value;
  }
}

function trim(value: string, modifier: string, word: string): string {
  const longest = word.startsWith(modifier);
  const pattern = longest ? word.slice(1) : word;
  return modifier === '#' ? removePrefix(value, pattern, longest) : removeSuffix(value, pattern, longest);
}

function missingBrace(): Problem {
  return new Problem("syntax error: missing '}'");
}

function unsupported(modifier: string): Problem {
  return new Problem(`unsupported modifier (${modifier}) in substitution`);
}
