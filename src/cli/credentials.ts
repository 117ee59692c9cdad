import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Credentials } from '../client/index.ts';
import type { Context } from './command.ts';

/** `--config`, DOCKER_CONFIG or ~/.docker, as Docker's client. */
export function configPath(context: Context): string {
  const folder =
    context.configDir ?? (context.env['DOCKER_CONFIG'] || join(context.env['HOME'] || homedir(), '.docker'));
  return join(folder, 'config.json');
}

/** What config.json and its helpers hold for a registry; undefined when there is nothing. */
export async function credentialsFor(context: Context, registry: string): Promise<Credentials | undefined> {
  const path = configPath(context);
  if (!(await exists(path))) return undefined;
  const { DockerCredentials, credentialKeyOf } = await import('../distribution/index.ts');
  const found = await new DockerCredentials({ path }).get(credentialKeyOf(registry));
  if (found === undefined || Object.keys(found).length === 0) return undefined;
  return { ...found, serveraddress: credentialKeyOf(registry) };
}

/** Everything config.json itself names, for a build that may pull from anywhere. */
export async function allCredentials(context: Context): Promise<Record<string, Credentials> | undefined> {
  const path = configPath(context);
  if (!(await exists(path))) return undefined;
  const { DockerCredentials } = await import('../distribution/index.ts');
  const source = new DockerCredentials({ path });
  const found: Record<string, Credentials> = {};
  for (const server of Object.keys(await source.list().catch(() => ({})))) {
    const credentials = await source.get(server);
    if (credentials !== undefined) found[server] = { ...credentials, serveraddress: server };
  }
  return Object.keys(found).length === 0 ? undefined : found;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
