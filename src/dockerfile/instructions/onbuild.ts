import { Problem } from '../dockerfile-error.ts';
import { heredocText } from '../parser/heredoc.ts';
import { parseArguments } from '../parser/arguments.ts';
import type { EscapeCharacter } from '../parser/directives.ts';
import type { Node } from '../parser/parser.ts';
import { takeFlags } from '../parser/quoted-words.ts';
import { cutBlanks, trimSpace } from '../text.ts';
import { atLeastOne, baseOf } from './base.ts';
import { parseFlags } from './flags.ts';
import type { OnbuildInstruction } from './types.ts';

/** The trigger is only split here, as Docker does; it is understood when a build uses the image. */
export function parseOnbuild(node: Node, escape: EscapeCharacter): OnbuildInstruction {
  atLeastOne(node);
  parseFlags(node.flags, {});
  const { first, rest = '' } = cutBlanks(node.args[0] ?? '');
  const name = first.toUpperCase();
  if (name === 'ONBUILD') throw new Problem("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", first);
  if (name === 'MAINTAINER' || name === 'FROM') throw new Problem(`${name} isn't allowed as an ONBUILD trigger`, first);
  parseArguments(first.toLowerCase(), trimSpace(takeFlags(rest, escape).rest), escape);
  const bodies = node.heredocs.map(heredocText);
  return { ...baseOf(node, 'onbuild'), trigger: trimSpace(node.original.slice('onbuild'.length)) + bodies.join('') };
}
