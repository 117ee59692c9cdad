import { isLadingError } from '../../../errors/index.ts';
import { ANY, type Command, type Context } from '../../command.ts';
import { describeError } from '../../describe-error.ts';
import { forEachName } from '../../each.ts';
import { bool, type FlagValues } from '../../flags.ts';

export const command: Command = {
  name: 'rm',
  summary: 'Remove one or more containers',
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: [
    bool('force', 'f', 'Force the removal of a running container (uses SIGKILL)'),
    bool('volumes', 'v', 'Remove anonymous volumes associated with the container'),
    bool('link', 'l', 'Remove the specified link'),
  ],
  arity: [1, ANY],
  run: ({ args, flags, context }) => forEachName(context, args, (name) => removeOne(context, name, flags)),
};

async function removeOne(context: Context, name: string, flags: FlagValues): Promise<void> {
  const force = flags.bool('force');
  try {
    await context.client.containers.remove(name, { force, v: flags.bool('volumes'), link: flags.bool('link') });
  } catch (error) {
    // `rm -f` of what is not there tells so and is content.
    if (!force || !isLadingError(error, 'not_found')) throw error;
    context.stderr.write(`${describeError(error)}\n`);
  }
}
