import { isLadingError } from '../../../errors/index.ts';
import { ANY, type Command } from '../../command.ts';
import { describeError } from '../../describe-error.ts';
import { bool } from '../../flags.ts';
import { EXIT_FAILURE } from '../../usage-error.ts';

export const command: Command = {
  name: 'rmi',
  summary: 'Remove one or more images',
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  flags: [bool('force', 'f', 'Force removal of the image'), bool('no-prune', '', 'Do not delete untagged parents')],
  arity: [1, ANY],
  async run({ args, flags, context }) {
    const force = flags.bool('force');
    let status = 0;
    // One after the other: names of one image depend on each other.
    for (const name of args)
      try {
        const removed = await context.client.images.remove(name, { force, noprune: flags.bool('no-prune') });
        for (const { Untagged, Deleted } of removed)
          context.stdout.write(Untagged === undefined ? `Deleted: ${Deleted}\n` : `Untagged: ${Untagged}\n`);
      } catch (error) {
        context.stderr.write(`${describeError(error)}\n`);
        if (!force || !isLadingError(error, 'not_found')) status = EXIT_FAILURE;
      }
    return status;
  },
};
