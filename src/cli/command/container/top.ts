import { ANY, type Command } from '../../command.ts';
import { formatTable } from '../../format/table.ts';

const MIN_WIDTH = 20;

export const command: Command = {
  name: 'top',
  summary: 'Display the running processes of a container',
  usage: 'CONTAINER [ps OPTIONS]',
  flags: [],
  arity: [1, ANY],
  stopAtPositional: true,
  async run({ args: [container = '', ...psArgs], context }) {
    const { Titles, Processes } = await context.client.containers.top(container, psArgs.join(' '));
    context.stdout.write(formatTable([Titles, ...(Processes ?? [])], MIN_WIDTH));
  },
};
