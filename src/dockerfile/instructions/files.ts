import { Problem } from '../dockerfile-error.ts';
import { heredocMarkOf, type Heredoc } from '../parser/heredoc.ts';
import type { Node } from '../parser/parser.ts';
import { expandWord } from '../shell/expand.ts';
import { baseOf } from './base.ts';
import { parseFlags } from './flags.ts';
import type { AddInstruction, CopyInstruction } from './types.ts';

const COMMON = { chown: 'string', chmod: 'string', link: 'boolean', exclude: 'strings' } as const;
const COPY_FLAGS = { ...COMMON, from: 'string', parents: 'boolean' } as const;
const ADD_FLAGS = { ...COMMON, checksum: 'string', 'keep-git-dir': 'boolean', unpack: 'boolean' } as const;

export function parseCopy(node: Node): CopyInstruction {
  needDestination(node);
  const flags = parseFlags(node.flags, COPY_FLAGS);
  checkFrom(flags.from);
  return {
    ...baseOf(node, 'copy'),
    ...sourcesAndDest(node),
    ...commonFlags(flags),
    ...(flags.from && { from: flags.from }),
    parents: flags.parents ?? false,
  };
}

export function parseAdd(node: Node): AddInstruction {
  needDestination(node);
  const flags = parseFlags(node.flags, ADD_FLAGS);
  const keepGitDir = flags['keep-git-dir'];
  return {
    ...baseOf(node, 'add'),
    ...sourcesAndDest(node),
    ...commonFlags(flags),
    ...(flags.checksum && { checksum: flags.checksum }),
    ...(keepGitDir !== undefined && { keepGitDir }),
    ...(flags.unpack !== undefined && { unpack: flags.unpack }),
  };
}

function commonFlags(flags: { chown?: string; chmod?: string; link?: boolean; exclude?: string[] }) {
  return {
    ...(flags.chown && { chown: flags.chown }),
    ...(flags.chmod && { chmod: flags.chmod }),
    link: flags.link ?? false,
    exclude: flags.exclude ?? [],
  };
}

function needDestination(node: Node): void {
  if (node.args.length >= 2) return;
  throw new Problem(
    `${node.keyword.toUpperCase()} requires at least two arguments, but only one was provided. Destination could not be determined`,
  );
}

function sourcesAndDest(node: Node): { sources: string[]; dest: string; heredocs: Heredoc[] } {
  const dest = node.args.at(-1) ?? '';
  if (heredocMarkOf(dest)) throw new Problem(`${node.keyword.toUpperCase()} cannot accept a heredoc as a destination`);
  const bodies = new Map(node.heredocs.map((heredoc) => [heredoc.name, heredoc.content]));
  const sources: string[] = [];
  const heredocs: Heredoc[] = [];
  for (const word of node.args.slice(0, -1)) {
    const mark = heredocMarkOf(word);
    if (mark) heredocs.push({ ...mark, content: bodies.get(mark.name) ?? '' });
    else sources.push(word);
  }
  return { sources, dest, heredocs };
}

function checkFrom(from: string | undefined): void {
  if (!from || expandWord(from, new Map(), { escape: '\\' }).value === from) return;
  throw new Problem(
    'variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround',
    from,
  );
}
