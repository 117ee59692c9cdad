import { Problem } from '../dockerfile-error.ts';
import { INSTRUCTION_NAMES } from '../parser/arguments.ts';
import type { EscapeCharacter } from '../parser/directives.ts';
import type { Node } from '../parser/parser.ts';
import { withSuggestion } from '../suggest.ts';
import { trimSpace } from '../text.ts';
import { atLeastOne, baseOf, exactlyOne } from './base.ts';
import { parseAdd, parseCopy } from './files.ts';
import { parseFlags } from './flags.ts';
import { parseFrom } from './from.ts';
import { parseHealthcheck } from './healthcheck.ts';
import { parseArg, parseEnv, parseLabel } from './key-values.ts';
import { parseOnbuild } from './onbuild.ts';
import { parseRun } from './run.ts';
import type { Instruction, InstructionKind, ShellInstruction } from './types.ts';

type NodeParser = (node: Node, escape: EscapeCharacter) => Instruction;

const PARSERS: { readonly [Kind in InstructionKind]: NodeParser } = {
  from: parseFrom,
  run: parseRun,
  copy: parseCopy,
  add: parseAdd,
  env: parseEnv,
  label: parseLabel,
  arg: parseArg,
  healthcheck: parseHealthcheck,
  onbuild: parseOnbuild,
  shell: parseShell,
  cmd: (node) => ({ ...baseOf(withoutFlags(node), 'cmd'), ...commandLine(node) }),
  entrypoint: (node) => ({ ...baseOf(withoutFlags(node), 'entrypoint'), ...commandLine(node) }),
  expose: (node) => {
    atLeastOne(node);
    return { ...baseOf(withoutFlags(node), 'expose'), ports: node.args.toSorted() };
  },
  volume: (node) => {
    atLeastOne(node);
    const volumes = node.args.map(trimSpace);
    if (volumes.includes('')) throw new Problem('VOLUME specified can not be an empty string');
    return { ...baseOf(withoutFlags(node), 'volume'), volumes };
  },
  workdir: (node) => ({ path: exactlyOne(node), ...baseOf(withoutFlags(node), 'workdir') }),
  user: (node) => ({ user: exactlyOne(node), ...baseOf(withoutFlags(node), 'user') }),
  stopsignal: (node) => ({ ...baseOf(node, 'stopsignal'), signal: exactlyOne(node) }),
  maintainer: (node) => ({ ...baseOf(withoutFlags(node), 'maintainer'), name: exactlyOne(node) }),
};

/** Second stage: what an instruction means. Throws a Problem. */
export function parseNode(node: Node, escape: EscapeCharacter): Instruction {
  if (isKind(node.keyword)) return PARSERS[node.keyword](node, escape);
  const suggestion = withSuggestion('', node.keyword, INSTRUCTION_NAMES);
  const cased = node.name === node.keyword ? suggestion : suggestion.replace(/mean (\w+)/, (text) => shout(text));
  throw new Problem(`unknown instruction: ${node.name}${cased}`, node.name);
}

/** "mean from" -> "mean FROM". */
function shout(text: string): string {
  return text.replace(/\w+$/, (name) => name.toUpperCase());
}

function isKind(keyword: string): keyword is InstructionKind {
  return Object.hasOwn(PARSERS, keyword);
}

function withoutFlags(node: Node): Node {
  parseFlags(node.flags, {});
  return node;
}

function commandLine(node: Node): { form: 'shell' | 'exec'; args: readonly string[] } {
  return { form: node.json ? 'exec' : 'shell', args: node.args };
}

function parseShell(node: Node): ShellInstruction {
  parseFlags(node.flags, {});
  atLeastOne(node);
  if (!node.json) throw new Problem('SHELL requires the arguments to be in JSON form');
  return { ...baseOf(node, 'shell'), form: 'exec', args: node.args };
}
