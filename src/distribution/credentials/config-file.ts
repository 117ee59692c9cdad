import { mkdir, readFile, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../../base/index.ts';
import { LadingError, errnoOf, toLadingError } from '../../errors/index.ts';
import { isObject } from '../../oci/index.ts';

/** Docker's config.json, parsed; keys lading does not know are kept when it is written again. */
export type DockerConfig = Record<string, unknown>;

/** `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`. */
export function dockerConfigPath(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker'), 'config.json');
}

/** An object member of the config; empty when it is missing or something else. */
export function section(config: DockerConfig, key: string): Record<string, unknown> {
  const value = config[key];
  return isObject(value) ? value : {};
}

/** An empty config when there is no file. @throws invalid_argument when it is not JSON */
export async function readConfig(path: string): Promise<DockerConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return {};
    throw toLadingError(error, `read "${path}"`);
  }
  try {
    const value: unknown = text.trim() === '' ? {} : JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // JSON.parse quotes the text, which holds secrets.
  }
  throw new LadingError('invalid_argument', `read "${path}": it is not a JSON object`, {
    hint: 'mend or remove the file',
  });
}

/** Replaces the file, readable by its owner only; a symbolic link stays one. */
export async function writeConfig(path: string, config: DockerConfig): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const target = await realpath(path).catch(() => path);
    await writeFileAtomic(target, `${JSON.stringify(config, undefined, '\t')}\n`, { mode: 0o600 });
  } catch (error) {
    throw toLadingError(error, `write "${path}"`);
  }
}
