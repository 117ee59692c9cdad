import type { Command, Context } from '../../command.ts';
import { configPath } from '../../credentials.ts';
import { bool, text } from '../../flags.ts';
import { readSecret } from '../../terminal/read-secret.ts';
import { EXIT_FAILURE, ExitError } from '../../usage-error.ts';

export const command: Command = {
  name: 'login',
  summary: 'Authenticate to a registry',
  usage: '[OPTIONS] [SERVER]',
  flags: [
    text('password', 'p', 'Password or Personal Access Token (PAT)'),
    bool('password-stdin', '', 'Take the Password or Personal Access Token (PAT) from stdin'),
    text('username', 'u', 'Username'),
  ],
  examples: ['echo "$TOKEN" | lading login -u me --password-stdin registry.example.com'],
  arity: [0, 1],
  async run({ args: [server = 'docker.io'], flags, context }) {
    const { DockerCredentials, credentialKeyOf } = await import('../../../distribution/index.ts');
    const address = credentialKeyOf(server.replace(/^https?:\/\//, '').replace(/\/.*$/, ''));
    const store = new DockerCredentials({ path: configPath(context) });
    if (flags.has('password') && flags.bool('password-stdin'))
      throw new ExitError(EXIT_FAILURE, '--password and --password-stdin are mutually exclusive');
    if (flags.has('password'))
      context.stderr.write('WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n');
    const username = flags.text('username') ?? (await prompt(context, 'Username: ', false));
    const password = flags.bool('password-stdin')
      ? await readAll(context)
      : (flags.text('password') ?? (await prompt(context, 'Password: ', true)));
    const answer = await context.client.system.auth({ username, password, serveraddress: address });
    const token = answer.IdentityToken;
    await store.store(
      address,
      token === undefined || token === '' ? { username, password } : { username, identitytoken: token },
    );
    context.stdout.write(`${answer.Status || 'Login Succeeded'}\n`);
  },
};

async function readAll(context: Context): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of context.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

async function prompt(context: Context, question: string, secret: boolean): Promise<string> {
  if (!context.stdin.isTTY)
    throw new ExitError(EXIT_FAILURE, 'Error: Cannot perform an interactive login from a non TTY device');
  const answer = await readSecret(context, question, secret);
  if (answer === '') throw new ExitError(EXIT_FAILURE, `Error: ${question.slice(0, -2)} cannot be empty`);
  return answer;
}
