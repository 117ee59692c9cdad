import { LadingError } from '../../../errors/index.ts';

export type Token =
  | { readonly kind: 'field'; readonly path: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'literal'; readonly value: unknown }
  | { readonly kind: 'symbol'; readonly text: '(' | ')' | '|' | ',' | ':=' | '=' };

export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly tokens: readonly Token[]; readonly source: string };

/** A template that does not parse or does not run. */
export function templateError(message: string): LadingError {
  return new LadingError('invalid_argument', `template parsing error: template: :1: ${message}`);
}

/** Cuts a Go template into text and actions, honouring `{{-` and `-}}`. @throws invalid_argument */
export function lexTemplate(source: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trimNext = false;
  while (at < source.length) {
    const open = source.indexOf('{{', at);
    let text = source.slice(at, open < 0 ? undefined : open);
    if (trimNext) text = text.trimStart();
    trimNext = false;
    const inner = open < 0 ? undefined : actionAt(source, open);
    if (inner?.trimBefore === true) text = text.trimEnd();
    if (text !== '') pieces.push({ kind: 'text', text });
    if (inner === undefined) break;
    trimNext = inner.trimAfter;
    at = inner.end;
    if (!/^\/\*[\s\S]*\*\/$/.test(inner.body))
      pieces.push({ kind: 'action', tokens: lexAction(inner.body), source: inner.body });
  }
  return pieces;
}

function actionAt(
  source: string,
  open: number,
): { body: string; end: number; trimBefore: boolean; trimAfter: boolean } {
  const close = closingOf(source, open + 2);
  let body = source.slice(open + 2, close);
  const trimBefore = /^-\s/.test(body);
  const trimAfter = /\s-$/.test(body);
  if (trimBefore) body = body.slice(1);
  if (trimAfter) body = body.slice(0, -1);
  return { body: body.trim(), end: close + 2, trimBefore, trimAfter };
}

/** Where the action's `}}` is, not counting those inside strings. */
function closingOf(source: string, from: number): number {
  let quote = '';
  for (let at = from; at < source.length; at++) {
    const character = source[at] ?? '';
    if (quote !== '') {
      if (character === '\\' && quote === '"') at++;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === '`') quote = character;
    else if (character === '}' && source[at + 1] === '}') return at;
  }
  throw templateError('unclosed action');
}

const TOKEN =
  /\s*(?:("(?:[^"\\]|\\.)*")|`([^`]*)`|(-?\d+(?:\.\d+)?)\b|\$(\w*)((?:\.\w+)*)|((?:\.\w+)+|\.)|(\w+)|(:=|[()|,=]))/y;

function lexAction(body: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < body.length) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(body);
    if (match === null) throw templateError(`unexpected "${body.slice(start).trim()[0] ?? ''}" in "${body}"`);
    tokens.push(tokenOf(match, body));
  }
  return tokens;
}

function tokenOf(match: RegExpExecArray, body: string): Token {
  const [, quoted, raw, number, variable, variablePath, field, word, symbol] = match;
  if (quoted !== undefined) return { kind: 'literal', value: unquote(quoted, body) };
  if (raw !== undefined) return { kind: 'literal', value: raw };
  if (number !== undefined) return { kind: 'literal', value: Number(number) };
  if (variable !== undefined) return { kind: 'variable', name: variable, path: pathOf(variablePath ?? '') };
  if (field !== undefined) return { kind: 'field', path: pathOf(field) };
  if (word === 'true' || word === 'false') return { kind: 'literal', value: word === 'true' };
  if (word === 'nil') return { kind: 'literal', value: null };
  if (word !== undefined) return { kind: 'word', text: word };
  return { kind: 'symbol', text: (symbol ?? '|') as '|' };
}

function pathOf(text: string): string[] {
  return text.split('.').filter((part) => part !== '');
}

function unquote(text: string, body: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    throw templateError(`malformed string in "${body}"`);
  }
}
