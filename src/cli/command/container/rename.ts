import type { Command } from '../../command.ts';

export const command: Command = {
  name: 'rename',
  summary: 'Rename a container',
  usage: 'CONTAINER NEW_NAME',
  flags: [],
  arity: [2, 2],
  async run({ args: [container = '', name = ''], context }) {
    await context.client.containers.act(container, 'rename', { name });
  },
};
