import { WordLexer, type Env, type LexerOptions } from './word-lexer.ts';

export type ExpandOptions = LexerOptions;

export interface ExpandResult {
  readonly value: string;
  /** Variables that were looked up and found: part of a cache key. */
  readonly used: Set<string>;
  /** Variables that were looked up in vain: for warnings. */
  readonly unset: Set<string>;
}

export interface ExpandWordsResult {
  readonly values: string[];
  readonly used: Set<string>;
  readonly unset: Set<string>;
}

/**
 * Expands one word: removes quotes and escapes and replaces variables, white space stays.
 *
 * @throws LadingError invalid_argument for bad syntax, or when `${x?}` finds nothing
 */
export function expandWord(word: string, env: Env, options: ExpandOptions): ExpandResult {
  const lexer = new WordLexer(word, env, options);
  const { value } = lexer.run();
  return { value, used: lexer.used, unset: lexer.unset };
}

/** As expandWord, then splits the result at white space that was not quoted. */
export function expandWords(word: string, env: Env, options: ExpandOptions): ExpandWordsResult {
  const lexer = new WordLexer(word, env, options);
  const { words } = lexer.run();
  return { values: words, used: lexer.used, unset: lexer.unset };
}
