import type { Command } from '../../command.ts';
import { configPath } from '../../credentials.ts';

export const command: Command = {
  name: 'logout',
  summary: 'Log out from a registry',
  usage: '[SERVER]',
  flags: [],
  arity: [0, 1],
  async run({ args: [server = 'docker.io'], context }) {
    const { DockerCredentials, credentialKeyOf } = await import('../../../distribution/index.ts');
    const address = credentialKeyOf(server.replace(/^https?:\/\//, '').replace(/\/.*$/, ''));
    context.stdout.write(`Removing login credentials for ${address}\n`);
    const known = await new DockerCredentials({ path: configPath(context) }).erase(address);
    if (!known) context.stdout.write(`Not logged in to ${address}\n`);
  },
};
