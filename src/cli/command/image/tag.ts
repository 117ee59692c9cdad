import { familiarRepository, parseReference, withDefaultTag } from '../../../oci/index.ts';
import type { Command } from '../../command.ts';

export const command: Command = {
  name: 'tag',
  summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
  usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  flags: [],
  arity: [2, 2],
  async run({ args: [source = '', target = ''], context }) {
    const reference = withDefaultTag(parseReference(target));
    await context.client.images.tag(source, { repo: familiarRepository(reference), tag: reference.tag ?? '' });
  },
};
