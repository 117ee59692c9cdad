import type { Command } from '../../command.ts';
import { text } from '../../flags.ts';
import { openInput } from '../../input-file.ts';
import { EXIT_FAILURE } from '../../usage-error.ts';

export const command: Command = {
  name: 'cache mount import',
  summary: 'Import cache mounts from a tar archive',
  usage: '[OPTIONS] [FILE | -]',
  flags: [text('input', 'i', 'Read from a tar archive, of any compression, instead of STDIN')],
  examples: ['lading cache mount import cache.tar'],
  arity: [0, 1],
  async run({ args: [file], flags, context }) {
    const tar = await openInput(context, flags.text('input') ?? file);
    const imported = await context.client.cacheMounts.import(tar);
    for (const { ID, Name, Outcome } of imported) context.stdout.write(`${ID} ${Name} ${Outcome}\n`);
    return imported.some(({ Outcome }) => Outcome === 'in use') ? EXIT_FAILURE : 0;
  },
};
