import type { FromInstruction, Instruction } from '../instructions/types.ts';
import { cutBlanks, splitBlanks } from '../text.ts';

/** The instruction's name as written: "Run". */
export function keywordOf(instruction: Instruction): string {
  return cutBlanks(instruction.original).first;
}

/** "as" and the stage's name as written in a FROM that has them. */
export function aliasWordsOf(from: FromInstruction): { as: string; name: string } | undefined {
  if (from.alias === undefined) return undefined;
  const words = splitBlanks(from.original);
  return { as: words.at(-2) ?? '', name: words.at(-1) ?? '' };
}

/** What the comments above say about a name: the line that begins with it, without it. */
export function descriptionOf(comments: readonly string[], name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  return comments.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
}
