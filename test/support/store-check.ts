import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Every committed blob whose bytes are not what its name says. */
export async function damagedBlobs(dataRoot: string): Promise<string[]> {
  const folder = join(dataRoot, 'content/blobs/sha256');
  const damaged: string[] = [];
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const hash = createHash('sha256');
    try {
      await pipeline(createReadStream(join(folder, name)), hash);
    } catch (error) {
      // The sweep at the daemon's start takes what nobody needs while this looks.
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') continue;
      throw error;
    }
    if (hash.digest('hex') !== name) damaged.push(name);
  }
  return damaged;
}

/** Bytes of ingests and staged files that nobody will finish. */
export function leftIngests(dataRoot: string): string[] {
  return ['ingest', 'staging'].flatMap((name) => {
    const folder = join(dataRoot, 'content', name);
    return existsSync(folder) ? readdirSync(folder).map((entry) => join(name, entry)) : [];
  });
}
