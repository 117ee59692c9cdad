import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LadingError, errnoOf } from '../errors/index.ts';
import { writeFileAtomic } from './atomic-file.ts';

/**
 * Reads the layout version of a folder on disk from its `version` file; a folder without one gets `version`.
 * @returns the version found, for migrations
 * @throws unavailable when it was written by a newer lading, data_loss when it cannot be understood
 */
export async function readVersionFile(folder: string, version: number, what: string): Promise<number> {
  const path = join(folder, 'version');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) {
    await writeFileAtomic(path, `${version}\n`);
    return version;
  }
  const found = /^[1-9][0-9]{0,8}\n?$/.test(text) ? Number(text) : undefined;
  if (found === undefined)
    throw new LadingError(
      'data_loss',
      `open ${what} "${folder}": its version file holds ${JSON.stringify(text.slice(0, 40))}`,
    );
  if (found > version)
    throw new LadingError(
      'unavailable',
      `open ${what} "${folder}": it has layout version ${found}, this lading knows ${version}`,
      {
        hint: 'use the lading that wrote it or a newer one, or choose another --data-root',
      },
    );
  return found;
}
