import { Problem } from '../dockerfile-error.ts';
import type { Node } from '../parser/parser.ts';
import { baseOf } from './base.ts';
import { parseFlags } from './flags.ts';
import type { FromInstruction } from './types.ts';

const STAGE_NAME = /^[a-z][a-z0-9\-_.]*$/;

export function parseFrom(node: Node): FromInstruction {
  const [image, as, name] = node.args;
  const named = node.args.length === 3 && as?.toLowerCase() === 'as';
  if (image === undefined || (node.args.length !== 1 && !named))
    throw new Problem('FROM requires either one or three arguments');
  const alias = named ? name?.toLowerCase() : undefined;
  if (alias !== undefined && !STAGE_NAME.test(alias)) {
    const reason = `invalid name for build stage: ${JSON.stringify(name)}, name can't start with a number or contain symbols`;
    throw new Problem(reason, name);
  }
  const { platform } = parseFlags(node.flags, { platform: 'string' });
  return { ...baseOf(node, 'from'), image, ...(alias && { alias }), ...(platform && { platform }) };
}
