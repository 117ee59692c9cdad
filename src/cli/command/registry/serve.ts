import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Command, Context } from '../../command.ts';
import { int, text } from '../../flags.ts';
import { UsageError } from '../../usage-error.ts';

const DEFAULT_PORT = 5000;

export const command: Command = {
  name: 'registry serve',
  summary: 'Serve a registry from a folder',
  usage: '[OPTIONS]',
  flags: [
    text('address', '', 'Address to listen on (default 127.0.0.1)'),
    int('port', 'p', 'Port to listen on, 0 for any free one (default 5000)'),
    text('root', '', 'Folder that holds the images (default: beside lading’s data)'),
  ],
  examples: ['lading registry serve --port 5000 --root /srv/registry'],
  async run({ flags, context }) {
    const port = flags.int('port') ?? DEFAULT_PORT;
    if (port < 0 || port > 65_535)
      throw new UsageError(`invalid argument "${port}" for "-p, --port" flag: out of range`);
    const { serveRegistry } = await import('../../../registry/index.ts');
    const registry = await serveRegistry({
      root: flags.text('root') ?? defaultRoot(context),
      host: flags.text('address') ?? '127.0.0.1',
      port,
    });
    context.stdout.write(`registry listening on ${registry.url}\n`);
    await new Promise((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve);
    });
    await registry.close();
  },
};

function defaultRoot({ env }: Context): string {
  if (process.getuid?.() === 0) return '/var/lib/lading-registry';
  return join(env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'lading', 'registry');
}
