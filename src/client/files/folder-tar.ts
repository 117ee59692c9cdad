import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { LadingError } from '../../errors/index.ts';

/** A whole folder as a tar, for a daemon that cannot read it in place; the daemon applies .dockerignore. */
export function tarOfFolder(folder: string): Readable {
  const child = spawn('tar', ['-C', folder, '--sort=name', '-cf', '-', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.on('error', (error) => child.stdout.destroy(error));
  child.on('close', (code) => {
    if (code !== 0) child.stdout.destroy(new LadingError('internal', `read the build context: tar ended with ${code}`));
  });
  return child.stdout;
}
