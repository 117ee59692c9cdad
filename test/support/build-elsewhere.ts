import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBusyboxRoot } from './busybox.ts';
import { BuilderHarness } from './builder-harness.ts';

/** A builder with an image "base", which is the same in every store. */
export async function openWithBase(dir?: string): Promise<BuilderHarness> {
  const harness = await BuilderHarness.open(dir);
  const root = mkdtempSync(join(harness.dir, 'root-'));
  const umask = process.umask(0o022);
  makeBusyboxRoot(root);
  process.umask(umask);
  await harness.build({
    context: { kind: 'directory', path: root },
    tags: ['base'],
    dockerfileText: 'FROM scratch\nCOPY . /\nCMD ["sh"]',
    buildArgs: { SOURCE_DATE_EPOCH: '1500000000' },
  });
  return harness;
}

interface Work {
  readonly dir: string;
  readonly path: string;
  readonly text: string;
  readonly epoch: number;
}

/** Builds in a store of its own, in a process with another umask. @returns the digest of the manifest */
export function buildElsewhere(path: string, text: string, epoch: number): string {
  const dir = mkdtempSync(join(tmpdir(), 'lading-elsewhere-'));
  const work: Work = { dir, path, text, epoch };
  try {
    const command = ['umask 077; exec "$@"', 'sh', process.execPath, import.meta.filename, JSON.stringify(work)];
    const run = spawnSync('sh', ['-c', ...command], { encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
    return run.stdout;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function work({ dir, path, text, epoch }: Work): Promise<void> {
  const harness = await openWithBase(dir);
  const { image } = await harness.build({
    context: { kind: 'directory', path },
    dockerfileText: text,
    buildArgs: { SOURCE_DATE_EPOCH: String(epoch) },
  });
  process.stdout.write(image.manifest.digest);
  await harness.close();
}

if (process.argv[1] === import.meta.filename) await work(JSON.parse(process.argv[2] ?? '') as Work);
