import type { Command } from '../../command.ts';

const KINDS = ['C', 'A', 'D'] as const;

export const command: Command = {
  name: 'diff',
  summary: 'Inspect changes to files or directories on a container’s filesystem',
  usage: 'CONTAINER',
  flags: [],
  arity: [1, 1],
  async run({ args: [container = ''], context }) {
    const changes = (await context.client.containers.diff(container)) ?? [];
    context.stdout.write(changes.map(({ Kind, Path }) => `${KINDS[Kind]} ${Path}\n`).join(''));
  },
};
