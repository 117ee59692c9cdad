import { ANY, type Command } from '../../command.ts';
import { forEachName } from '../../each.ts';

export const command: Command = {
  name: 'builds rm',
  summary: 'Forget builds and their logs',
  usage: 'BUILD [BUILD...]',
  flags: [],
  arity: [1, ANY],
  run: ({ args, context }) => forEachName(context, args, async (ref) => (await context.client.builds.remove(ref)).id),
};
