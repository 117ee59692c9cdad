import { Readable } from 'node:stream';
import { TarWriter, tarTree } from '../../archive/index.ts';
import { formatPlatform } from '../../oci/index.ts';
import type { Snapshotter } from '../../snapshot/index.ts';
import type { StatementFile } from '../attest/statement-files.ts';
import { temporaryKey, type Scratch } from '../scratch.ts';
import type { ConfiguredPlatform } from './image-documents.ts';

export interface RootfsOptions {
  readonly scratch: Scratch;
  readonly snapshotter: Snapshotter;
  /** A folder for each platform: "linux_arm64". */
  readonly split: boolean;
  /** Latest modification time, seconds (SOURCE_DATE_EPOCH). */
  readonly clampMtime: number | undefined;
  /** Files that go beside those of the platform with this number, whose root is at `path`. */
  readonly beside?: (platform: number, path: string) => Promise<readonly StatementFile[]>;
  readonly signal: AbortSignal;
}

type Files = Pick<ConfiguredPlatform, 'platform' | 'stage'>;

/** A tar's end: two empty blocks. */
const END_BYTES = 1024;

/** The files of what was built as one tar stream. They stay mounted until it is closed. */
export function rootfsTar(built: readonly Files[], options: RootfsOptions): Readable {
  return Readable.from(chunks(built, options), { objectMode: false, highWaterMark: 512 * 1024 });
}

async function* chunks(built: readonly Files[], options: RootfsOptions): AsyncGenerator<Buffer, void, undefined> {
  for (const [i, one] of built.entries()) {
    const { path, release } = await mountedFiles(one, options);
    try {
      const topName = options.split ? platformFolder(one) : '';
      const { clampMtime, signal } = options;
      const tar = tarTree(path, '', { topName, signal, ...(clampMtime === undefined ? {} : { clampMtime }) });
      yield* withoutEnd(tar);
      const suffix = built.length > 1 && !options.split ? `.${platformFolder(one)}` : '';
      const names = { folder: topName === '' ? '' : `${topName}/`, suffix };
      yield* entriesOf((await options.beside?.(i, path)) ?? [], names, clampMtime ?? 0);
    } finally {
      await release();
    }
  }
  yield Buffer.alloc(END_BYTES);
}

/** As BuildKit has them: for root alone, with the platform in their names where several share a folder. */
async function* entriesOf(
  files: readonly StatementFile[],
  { folder, suffix }: { readonly folder: string; readonly suffix: string },
  seconds: number,
): AsyncGenerator<Buffer, void, undefined> {
  const chunks: Buffer[] = [];
  const writer = new TarWriter(async (chunk) => void chunks.push(chunk));
  for (const { name, bytes } of files) {
    const mtime = { sec: seconds, nsec: 0 };
    const whole = `${folder}${name.replace(/(\.[^.]+)$/, `${suffix}$1`)}`;
    await writer.add({ name: whole, type: 'file', mode: 0o600, uid: 0, gid: 0, size: bytes.length, mtime }, bytes);
    yield* chunks.splice(0);
  }
}

/** As BuildKit names it: "linux_arm_v7". */
function platformFolder({ platform }: Files): string {
  return formatPlatform(platform).replaceAll('/', '_');
}

/** All but the archive's end, so that another can follow. */
async function* withoutEnd(tar: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of tar) {
    const all = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const keep = Math.max(0, all.length - END_BYTES);
    if (keep > 0) yield all.subarray(0, keep);
    held = all.subarray(keep);
  }
}

async function mountedFiles(
  { stage }: Files,
  { scratch, snapshotter }: RootfsOptions,
): Promise<{ path: string; release: () => Promise<void> }> {
  const top = stage.layers.at(-1)?.chainId;
  if (top === undefined) return scratch.folder('files');
  const key = temporaryKey();
  const mount = await snapshotter.view(key, top);
  try {
    const mounted = await scratch.mounted(mount);
    return {
      path: mounted.path,
      release: async () => {
        await mounted.release();
        await snapshotter.remove(key);
      },
    };
  } catch (error) {
    await snapshotter.remove(key);
    throw error;
  }
}
