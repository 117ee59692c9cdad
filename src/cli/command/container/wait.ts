import { ANY, type Command } from '../../command.ts';
import { forEachName } from '../../each.ts';

export const command: Command = {
  name: 'wait',
  summary: 'Block until one or more containers stop, then print their exit codes',
  usage: 'CONTAINER [CONTAINER...]',
  flags: [],
  arity: [1, ANY],
  run: ({ args, context }) =>
    forEachName(context, args, async (name) => {
      const { exit } = await context.client.containers.wait(name, 'not-running');
      return String((await exit).StatusCode);
    }),
};
