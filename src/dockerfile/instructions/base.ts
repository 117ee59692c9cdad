import { Problem } from '../dockerfile-error.ts';
import type { Node } from '../parser/parser.ts';
import type { InstructionKind } from './types.ts';

/** The fields every instruction has. */
export function baseOf<Kind extends InstructionKind>(node: Node, kind: Kind) {
  return { kind, location: node.location, original: node.original, comments: node.comments };
}

export function atLeastOne(node: Node): void {
  if (node.args.length === 0) throw new Problem(`${node.keyword.toUpperCase()} requires at least one argument`);
}

export function exactlyOne(node: Node): string {
  const [only] = node.args;
  if (only === undefined || node.args.length !== 1)
    throw new Problem(`${node.keyword.toUpperCase()} requires exactly one argument`);
  return only;
}
