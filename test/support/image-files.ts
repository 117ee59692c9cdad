import { lstatSync, mkdtempSync, readFileSync, readlinkSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Image } from '../../src/image/index.ts';
import { overlayMounter } from '../../src/snapshot/index.ts';
import type { BuilderHarness } from './builder-harness.ts';

/** Runs `look` with an image's files mounted. */
export async function inImage<T>(harness: BuilderHarness, image: Image, look: (root: string) => T): Promise<T> {
  const top = image.layers.at(-1);
  if (!top) throw new Error('an image without layers');
  const mount = await harness.snapshotter.view('look', top.chainId);
  const root = mkdtempSync(join(tmpdir(), 'lading-look-'));
  overlayMounter.mount(mount, root);
  try {
    return look(root);
  } finally {
    overlayMounter.unmount(root);
    rmdirSync(root);
    await harness.snapshotter.remove('look');
  }
}

export function readInImage(harness: BuilderHarness, image: Image, path: string): Promise<string> {
  return inImage(harness, image, (root) => readFileSync(join(root, path), 'utf8'));
}

/** "f path", "d path", "l path -> target", "p path", "c path", "s path"; bytes that are not UTF-8 as \xNN. Sorted by path. */
export function entriesOf(harness: BuilderHarness, image: Image): Promise<string[]> {
  return inImage(harness, image, (root) => walk(Buffer.from(root), ''));
}

function walk(folder: Buffer, prefix: string): string[] {
  const names = readdirSync(folder, { encoding: 'buffer' }).sort((a, b) => Buffer.compare(a, b));
  return names.flatMap((bytes) => {
    const path = Buffer.concat([folder, Buffer.from('/'), bytes]);
    const stats = lstatSync(path);
    const shown = prefix + shownName(bytes);
    if (stats.isDirectory()) return [`d ${shown}`, ...walk(path, `${shown}/`)];
    if (stats.isSymbolicLink()) return [`l ${shown} -> ${readlinkSync(path, 'utf8')}`];
    const letter = stats.isFile() ? 'f' : stats.isFIFO() ? 'p' : stats.isSocket() ? 's' : 'c';
    return [`${letter} ${shown}`];
  });
}

function shownName(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (Buffer.from(text).equals(bytes)) return text;
  return bytes.toString('latin1').replace(/[\x80-\xff]/g, (ch) => `\\x${ch.charCodeAt(0).toString(16)}`);
}
