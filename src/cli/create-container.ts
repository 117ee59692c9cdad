import { writeFileSync } from 'node:fs';
import { errnoOf, isLadingError } from '../errors/index.ts';
import { createBody } from './container-options/create-body.ts';
import type { Invocation } from './command.ts';
import { pullImage, pullMissingImage } from './pull-image.ts';
import { consoleSize } from './terminal/resize.ts';
import { EXIT_ENGINE, ExitError, UsageError } from './usage-error.ts';

/** Creates the container `run` and `create` describe, pulling its image by `--pull`; returns its ID. */
export async function createContainer({ args, flags, context }: Invocation): Promise<string> {
  const [image = '', ...command] = args;
  const body = createBody({ flags, image, command, env: context.env });
  const platform = flags.text('platform');
  const policy = flags.text('pull') ?? 'missing';
  const cidfile = flags.text('cidfile');
  if (!['always', 'missing', 'never'].includes(policy))
    throw new UsageError(`invalid pull option: '${policy}': must be one of "always", "missing" or "never"`);
  if (cidfile !== undefined) reserve(cidfile);
  if (policy === 'always')
    await pullImage(context, image, { platform, quiet: flags.bool('quiet'), out: context.stderr });
  const size = flags.bool('tty') ? consoleSize(context) : undefined;
  const request = size === undefined ? body : { ...body, HostConfig: { ...body.HostConfig, ConsoleSize: size } };
  const create = (): Promise<{ Id: string; Warnings: string[] | null }> =>
    context.client.containers.create(request, { name: flags.text('name'), platform });
  let created;
  try {
    created = await create();
  } catch (error) {
    if (policy !== 'missing' || !isLadingError(error, 'not_found') || !/image/i.test(error.message)) throw error;
    await pullMissingImage(context, image, { platform, quiet: flags.bool('quiet') });
    created = await create();
  }
  for (const warning of created.Warnings ?? []) context.stderr.write(`WARNING: ${warning}\n`);
  if (cidfile !== undefined) writeFileSync(cidfile, created.Id);
  return created.Id;
}

function reserve(path: string): void {
  try {
    writeFileSync(path, '', { flag: 'wx' });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    throw new ExitError(
      EXIT_ENGINE,
      `lading: container ID file found, make sure the other container isn't running or delete ${path}\n\nRun 'lading run --help' for more information`,
    );
  }
}
