import type { InstructionKind } from '../dockerfile/index.ts';
import type { From, Names } from './sources.ts';
import { argsIn, type Arg, type Text } from './values.ts';

/** One instruction as a program said it. */
export interface Draft {
  readonly kind: InstructionKind;
  /** Every text that may hold references to arguments. */
  readonly texts: readonly Text[];
  readonly froms: readonly From[];
  /** A value holds a line break, which no Dockerfile can say: see {@link NEWLINE}. */
  readonly breaks?: boolean;
  /** Ids of the secrets it mounts. */
  readonly secrets?: readonly string[];
  /** The instruction's lines, without the last line break. */
  render(names: Names): string;
}

/** The arguments a draft uses, each once. */
export function argsOf(draft: Draft): Arg[] {
  return [...new Set(draft.texts.flatMap(argsIn))];
}
