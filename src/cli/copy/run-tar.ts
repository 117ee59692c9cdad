import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LadingError } from '../../errors/index.ts';

/** The output of GNU tar, broken when it fails. */
export function packWithTar(args: readonly string[]): Readable {
  const child = spawn('tar', [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const problems = collect(child.stderr);
  child.on('error', (error) => child.stdout.destroy(error));
  child.on('close', (code) => {
    if (code !== 0) child.stdout.destroy(new LadingError('invalid_argument', `copy: ${problems()}`));
  });
  return child.stdout;
}

/** Unpacks with GNU tar, which keeps names inside the folder and makes links last. */
export async function unpackWithTar(tar: Readable, args: readonly string[]): Promise<void> {
  const child = spawn('tar', [...args], { stdio: ['pipe', 'ignore', 'pipe'] });
  const problems = collect(child.stderr);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const [, code] = await Promise.all([pipeline(tar, child.stdin).catch(() => undefined), ended]);
  if (code !== 0) throw new LadingError('internal', `copy: ${problems()}`);
}

/** Quotes a name for the right side of tar's `--transform 's,…,NAME,'`. */
export function transformName(name: string): string {
  return name.replace(/[\\&,]/g, '\\$&');
}

function collect(stream: Readable): () => string {
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    if (text.length < 4096) text += chunk.toString('utf8');
  });
  return () => text.trim().split('\n').slice(0, 3).join('; ');
}
