import type { Command } from '../../command.ts';
import { keyValues } from '../../container-options/values.ts';
import { list, text } from '../../flags.ts';

export const command: Command = {
  name: 'volume create',
  summary: 'Create a volume',
  usage: '[OPTIONS] [VOLUME]',
  flags: [
    text('driver', 'd', 'Specify volume driver name (default "local")'),
    list('label', '', 'Set metadata for a volume'),
    list('opt', 'o', 'Set driver specific options'),
  ],
  arity: [0, 1],
  async run({ args: [name], flags, context }) {
    const volume = await context.client.volumes.create({
      ...(name === undefined ? {} : { Name: name }),
      Driver: flags.text('driver') ?? 'local',
      DriverOpts: keyValues(flags.list('opt')),
      Labels: keyValues(flags.list('label')),
    });
    context.stdout.write(`${volume.Name}\n`);
  },
};
