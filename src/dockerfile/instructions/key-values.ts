import { Problem } from '../dockerfile-error.ts';
import type { KeyValue } from '../parser/arguments.ts';
import type { Node } from '../parser/parser.ts';
import { cut } from '../text.ts';
import { atLeastOne, baseOf } from './base.ts';
import { parseFlags } from './flags.ts';
import type { ArgInstruction, EnvInstruction, LabelInstruction } from './types.ts';

export function parseEnv(node: Node): EnvInstruction {
  return { ...baseOf(node, 'env'), pairs: pairsOf(node), legacy: node.legacy ?? false };
}

export function parseLabel(node: Node): LabelInstruction {
  return { ...baseOf(node, 'label'), pairs: pairsOf(node), legacy: node.legacy ?? false };
}

function pairsOf(node: Node): readonly KeyValue[] {
  parseFlags(node.flags, {});
  const name = node.keyword.toUpperCase();
  const pairs = node.pairs ?? [];
  if (pairs.length === 0) throw new Problem(`${name} requires at least one argument`);
  if (pairs.some(({ key }) => key === '')) throw blankName(name);
  return pairs;
}

export function parseArg(node: Node): ArgInstruction {
  atLeastOne(node);
  const args = node.args.map((word) => {
    const { before: key, after } = cut(word, '=');
    if (key === '') throw blankName('ARG');
    return after === undefined ? { key } : { key, default: after };
  });
  return { ...baseOf(node, 'arg'), args };
}

function blankName(name: string): Problem {
  return new Problem(`${name} names can not be blank`);
}
