import type { Command } from '../../command.ts';
import { bool, text } from '../../flags.ts';
import { openInput } from '../../input-file.ts';
import { showProgress } from '../../progress/messages.ts';

export const command: Command = {
  name: 'load',
  summary: 'Load an image from a tar archive or STDIN',
  usage: '[OPTIONS]',
  flags: [
    text('input', 'i', 'Read from tar archive file, instead of STDIN'),
    bool('quiet', 'q', 'Suppress the load output'),
  ],
  async run({ flags, context }) {
    const tar = await openInput(context, flags.text('input'));
    const quiet = flags.bool('quiet') || !context.stdout.isTTY;
    await showProgress(context.client.images.load(tar, { quiet }), context.stdout);
  },
};
