import { isSpace } from '../text.ts';
import type { EscapeCharacter } from './directives.ts';

/** Splits at white space outside quotes. Quotes and escapes stay: expansion removes them later. */
export function splitQuotedWords(text: string, escape: EscapeCharacter): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const ch = text.charAt(at);
    if (quote === '' && isSpace(ch)) {
      if (word !== '') words.push(word);
      word = '';
      continue;
    }
    if (ch === escape && quote !== "'") {
      // The escape and what it protects; an escape at the very end is dropped.
      if (at + 1 < text.length) word += ch + text.charAt(++at);
      continue;
    }
    if (quote === '' && (ch === "'" || ch === '"')) quote = ch;
    else if (ch === quote) quote = '';
    word += ch;
  }
  if (word !== '') words.push(word);
  return words;
}

/**
 * Takes the `--flag` words from the start of an instruction's arguments, with quotes and escapes removed.
 * The first word that does not start with "--", or a bare "--", ends them.
 */
export function takeFlags(text: string, escape: EscapeCharacter): { flags: string[]; rest: string } {
  const flags: string[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && isBlank(text.charAt(at))) at++;
    if (!text.startsWith('--', at)) return { flags, rest: text.slice(at) };
    const word = readFlag(text, at, escape);
    at = word.end;
    if (word.value === '--') return { flags, rest: text.slice(at) };
    flags.push(word.value);
  }
}

function readFlag(text: string, start: number, escape: EscapeCharacter): { value: string; end: number } {
  let value = '';
  let quote = '';
  let at = start;
  for (; at < text.length; at++) {
    const ch = text.charAt(at);
    if (quote === '' && isBlank(ch)) break;
    if (quote === '' ? ch === "'" || ch === '"' : ch === quote) quote = quote === '' ? ch : '';
    else if (ch === escape) value += text.charAt(++at);
    else value += ch;
  }
  return { value, end: Math.min(at, text.length) };
}

/** Docker reads flags byte by byte: white space beyond ASCII does not separate them. */
function isBlank(ch: string): boolean {
  return ch !== '' && ' \t\n\v\f\r'.includes(ch);
}
