import { lexTemplate, templateError, type Piece, type Token } from './lex.ts';

/** A value: a literal, a path from the cursor or a variable, a call, or a pipeline in parentheses. */
export type Operand =
  | { readonly kind: 'literal'; readonly value: unknown }
  | { readonly kind: 'field'; readonly path: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline; readonly path: readonly string[] };

/** Each stage is an operand with arguments; a stage's result is the last argument of the next. */
export interface Pipeline {
  readonly stages: readonly { readonly head: Operand; readonly args: readonly Operand[] }[];
  /** `$x := …`, or `$i, $x := …` of a range. */
  readonly declares: readonly string[];
}

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if' | 'with' | 'range';
      readonly pipeline: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/** Parses Go's text/template, as far as Docker's users write it. @throws invalid_argument */
export function parseTemplate(source: string): Node[] {
  const pieces = lexTemplate(source);
  const reader = { pieces, at: 0 };
  const { nodes, ender } = parseList(reader);
  if (ender !== undefined) throw templateError(`unexpected {{${ender.source}}}`);
  return nodes;
}

interface Reader {
  readonly pieces: readonly Piece[];
  at: number;
}
type Action = Extract<Piece, { kind: 'action' }>;

/** Nodes up to `end` or `else` (returned) or the end of the template. */
function parseList(reader: Reader): { nodes: Node[]; ender?: Action } {
  const nodes: Node[] = [];
  while (reader.at < reader.pieces.length) {
    const piece = reader.pieces[reader.at++];
    if (piece === undefined) break;
    if (piece.kind === 'text') {
      nodes.push(piece);
      continue;
    }
    const keyword = keywordOf(piece);
    if (keyword === 'end' || keyword === 'else') return { nodes, ender: piece };
    if (keyword === 'if' || keyword === 'with' || keyword === 'range')
      nodes.push(parseBlock(reader, keyword, piece.tokens.slice(1)));
    else nodes.push({ kind: 'print', pipeline: parsePipeline(piece.tokens) });
  }
  return { nodes };
}

function keywordOf(piece: Action): string {
  const first = piece.tokens[0];
  return first?.kind === 'word' ? first.text : '';
}

function parseBlock(reader: Reader, kind: 'if' | 'with' | 'range', tokens: readonly Token[]): Node {
  const pipeline = parsePipeline(tokens);
  const { nodes: body, ender } = parseList(reader);
  if (ender === undefined) throw templateError('unexpected EOF');
  if (keywordOf(ender) === 'end') return { kind, pipeline, body, otherwise: [] };
  const chained = ender.tokens[1];
  if (chained?.kind === 'word' && (chained.text === 'if' || chained.text === 'with'))
    return { kind, pipeline, body, otherwise: [parseBlock(reader, chained.text, ender.tokens.slice(2))] };
  const { nodes: otherwise, ender: last } = parseList(reader);
  if (last === undefined || keywordOf(last) !== 'end') throw templateError('unexpected EOF');
  return { kind, pipeline, body, otherwise };
}

function parsePipeline(tokens: readonly Token[]): Pipeline {
  const declares: string[] = [];
  const assign = tokens.findIndex((token) => token.kind === 'symbol' && (token.text === ':=' || token.text === '='));
  if (assign >= 0)
    for (const token of tokens.slice(0, assign)) if (token.kind === 'variable') declares.push(token.name);
  const reader = { tokens, at: assign + 1 };
  const pipeline = parseStages(reader, declares);
  if (reader.at < tokens.length) throw templateError('unexpected ")"');
  return pipeline;
}

interface TokenReader {
  readonly tokens: readonly Token[];
  at: number;
}

function parseStages(reader: TokenReader, declares: readonly string[]): Pipeline {
  const stages: { head: Operand; args: Operand[] }[] = [];
  let operands: Operand[] = [];
  const close = (): void => {
    const [head, ...args] = operands;
    if (head === undefined) throw templateError('missing value for command');
    stages.push({ head, args });
    operands = [];
  };
  for (; reader.at < reader.tokens.length; reader.at++) {
    const token = reader.tokens[reader.at];
    if (token === undefined || isSymbol(token, ')')) break;
    if (isSymbol(token, '|')) close();
    else operands.push(parseOperand(reader, token));
  }
  close();
  return { stages, declares };
}

function parseOperand(reader: TokenReader, token: Token): Operand {
  switch (token.kind) {
    case 'literal':
    case 'field':
    case 'variable':
      return token;
    case 'word':
      return { kind: 'function', name: token.text };
    case 'symbol': {
      if (token.text !== '(') throw templateError(`unexpected "${token.text}"`);
      reader.at++;
      const pipeline = parseStages(reader, []);
      if (reader.tokens[reader.at] === undefined) throw templateError('unclosed left paren');
      const next = reader.tokens[reader.at + 1];
      if (next?.kind !== 'field' || next.path.length === 0) return { kind: 'pipeline', pipeline, path: [] };
      reader.at++;
      return { kind: 'pipeline', pipeline, path: next.path };
    }
  }
}

function isSymbol(token: Token, text: string): boolean {
  return token.kind === 'symbol' && token.text === text;
}
