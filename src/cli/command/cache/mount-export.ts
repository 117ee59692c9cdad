import { ANY, type Command } from '../../command.ts';
import { bool, text } from '../../flags.ts';
import { writeOutput } from '../../output-file.ts';
import { mountQuery } from './mount-query.ts';

export const command: Command = {
  name: 'cache mount export',
  summary: 'Export cache mounts as a tar archive',
  usage: '[OPTIONS] [ID | NAME]...',
  flags: [bool('all', 'a', 'Export all'), text('output', 'o', 'Write to a file, instead of STDOUT')],
  examples: [
    'lading cache mount export --all -o cache.tar',
    'lading cache mount export /root/.npm | zstd > npm.tar.zst',
  ],
  arity: [0, ANY],
  async run(invocation) {
    const { flags, context } = invocation;
    const query = mountQuery(invocation);
    await writeOutput(context, () => context.client.cacheMounts.export(query), flags.text('output'));
  },
};
