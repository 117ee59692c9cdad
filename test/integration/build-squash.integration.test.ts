import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { mergeLayers } from '../../src/archive/index.ts';
import type { Image } from '../../src/image/index.ts';
import { overlayMounter } from '../../src/snapshot/index.ts';
import { getXattr, listXattrs, mknod, S_IF, setXattr } from '../../src/sys/index.ts';
import { builderSkipReason } from '../support/busybox.ts';
import { BuilderHarness } from '../support/builder-harness.ts';

/** Every kind of change that merging can get wrong, each over several layers and over the base. */
const HOSTILE = `
RUN mkdir -p /d/in/deep /gone /kept /swap /link-to-dir.d && echo a > /d/a && echo b > /d/in/b && echo c > /d/in/deep/c && echo k > /kept/k && echo s > /swap/s && ln -s d /link && echo t > /made-then-gone
RUN echo 1 > /hard1 && ln /hard1 /hard2 && ln /hard1 /kept/hard3 && chown 12:34 /hard1 && chmod 4750 /hard1
RUN rm -rf /d /made-then-gone /gone && rm /link && mkdir /link && echo inside > /link/file
RUN mkdir -p /d/in && echo new > /d/in/new && chmod 1777 /d && chown 7:8 /d/in
RUN rm -rf /swap && ln -s kept /swap && rm /hard2 && echo two > /hard2
RUN rm /swap && mkdir /swap && echo again > /swap/again && mkfifo /kept/pipe && touch -d @1000000000 /kept/k
RUN rm -rf /base-dir && mkdir /base-dir && echo only > /base-dir/only && rm /base-file /base-tree/x && rm -r /base-tree/sub && echo over > /base-tree/y && rm /base-link && echo file > /base-link
RUN rm -rf /base-dir && rm -rf /base-tree && echo file > /base-tree
RUN rm /base-tree && mkdir /base-tree && echo z > /base-tree/z
`;
const BASE = `FROM busybox
RUN mkdir -p /base-dir/sub /base-tree/sub/subsub && echo o > /base-dir/old && echo f > /base-file && echo x > /base-tree/x && echo y > /base-tree/y && echo q > /base-tree/sub/subsub/q && ln -s base-dir /base-link
RUN echo untouched > /base-kept`;

describe('--squash', { skip: builderSkipReason() }, () => {
  let harness: BuilderHarness;
  before(async () => {
    harness = await BuilderHarness.open();
    await build(BASE, { tags: ['base'] });
  });
  after(() => harness.close());

  const build = (text: string, more = {}) =>
    harness.build({ context: { kind: 'directory', path: harness.context({}) }, dockerfileText: text, ...more });

  /** What a container of the image would see. */
  async function filesOf(image: Image): Promise<string[]> {
    const key = `test-${process.pid}-${Math.random()}`;
    const path = mkdtempSync(join(harness.dir, 'seen-'));
    overlayMounter.mount(await harness.snapshotter.view(key, image.layers.at(-1)!.chainId), path);
    try {
      return tree(path);
    } finally {
      overlayMounter.unmount(path);
      rmdirSync(path);
      await harness.snapshotter.remove(key);
    }
  }

  it('since-base keeps the base and merges what the build added, without changing a file', async () => {
    const plain = await build(`FROM base${HOSTILE}`);
    const { image, statuses } = await build(`FROM base${HOSTILE}`, { squash: 'since-base' });
    const base = (await build('FROM base')).image;
    assert.deepEqual(
      image.layers.slice(0, -1).map(({ diffId }) => diffId),
      base.layers.map(({ diffId }) => diffId),
    );
    assert.deepEqual(await filesOf(image), await filesOf(plain.image));
    assert.ok(statuses.filter((status) => status.startsWith('RUN')).every((status) => status === 'RUN cached'));
    const merged = await harness.snapshotter.upperDirOf(image.layers.at(-1)!.chainId);
    assert.equal(existsSync(join(merged, 'made-then-gone')), false, 'a deletion of what the base does not have');
    assert.equal(lstatSync(join(merged, 'base-file')).isCharacterDevice(), true);
  });

  it('stage merges everything into one layer, and its history says what it was made of', async () => {
    const plain = await build(`FROM base${HOSTILE}`);
    const { image } = await build(`FROM base${HOSTILE}`, { squash: 'stage' });
    assert.equal(image.layers.length, 1);
    assert.deepEqual(await filesOf(image), await filesOf(plain.image));
    const { history } = image.config;
    assert.equal(history.length, plain.image.config.history.length + 1);
    assert.ok(history.slice(0, -1).every(({ empty_layer }) => empty_layer === true));
    assert.match(history.at(-1)?.comment ?? '', /^create new from sha256:[0-9a-f]{64}$/);
  });

  it('attributes, opaque folders and deletions of folders made by hand merge as overlayfs shows them', async () => {
    const dir = mkdtempSync(join(harness.dir, 'layers-'));
    const layer = (name: string, make: (path: string) => void): string => {
      const path = join(dir, name);
      mkdirSync(path);
      make(path);
      return path;
    };
    const opaque = (path: string): void => setXattr(path, 'trusted.overlay.opaque', Buffer.from('y'));
    const whiteout = (path: string): void => mknod(path, S_IF.CHR, 0n);
    const lower = layer('lower', (path) => {
      mkdirSync(join(path, 'd/sub'), { recursive: true });
      for (const name of ['d/old', 'd/sub/old', 'f']) writeFileSync(join(path, name), name);
    });
    const one = layer('one', (path) => {
      mkdirSync(join(path, 'd/sub'), { recursive: true });
      writeFileSync(join(path, 'd/sub/one'), 'one');
      setXattr(join(path, 'd/sub/one'), 'user.note', Buffer.from('kept'));
      setXattr(join(path, 'd'), 'user.note', Buffer.from('replaced'));
      setXattr(
        join(path, 'd/sub/one'),
        'security.capability',
        Buffer.from('0100000200040000000000000000000000000000', 'hex'),
      );
      whiteout(join(path, 'f'));
    });
    const two = layer('two', (path) => {
      mkdirSync(join(path, 'd/sub'), { recursive: true });
      opaque(join(path, 'd/sub'));
      writeFileSync(join(path, 'd/sub/two'), 'two');
      setXattr(join(path, 'd'), 'user.own', Buffer.from('last'));
      chmodSync(join(path, 'd'), 0o2770);
      mkdirSync(join(path, 'f'));
      writeFileSync(join(path, Buffer.from([0x66, 0xff]).toString('latin1')), 'named');
    });
    const merged = layer('merged', () => undefined);
    await mergeLayers([one, two], { targetDir: merged, lowerDirs: [lower] });
    const seen = (...lowerDirs: string[]): string[] => {
      const path = layer(`seen-${lowerDirs.length}`, () => undefined);
      overlayMounter.mount({ type: 'overlay', source: 'overlay', readonly: true, lowerDirs }, path);
      try {
        return tree(path);
      } finally {
        overlayMounter.unmount(path);
      }
    };
    assert.deepEqual(seen(merged, lower), seen(two, one, lower));
    assert.deepEqual(listXattrs(join(merged, 'd')), ['user.own']);
    assert.deepEqual(readdirSync(join(merged, 'd/sub')), ['two']);
  });

  it('the same layers are merged once and give the same image', async () => {
    const first = await build(`FROM base${HOSTILE}`, { squash: 'since-base' });
    const second = await build(`FROM base${HOSTILE}`, { squash: 'since-base', labels: {} });
    assert.equal(second.image.id, first.image.id);
    const comments = first.image.config.history.map(({ comment }) => comment);
    assert.match(comments.at(-1) ?? '', /^merge sha256:[0-9a-f]{64} to sha256:[0-9a-f]{64}$/);
  });

  it('a container of a merged image can be built on', async () => {
    await build(`FROM base${HOSTILE}`, { squash: 'since-base', tags: ['squashed'] });
    const { output } = await build(
      'FROM squashed\nRUN cat /base-tree/z /swap/again /d/in/new && ls /base-dir 2>&1 || true',
    );
    assert.match(output, /^z\nagain\nnew\n.*base-dir.*No such file/s);
  });

  it('one layer has nothing to merge', async () => {
    const { image } = await build('FROM base\nRUN echo one > /one', { squash: 'since-base' });
    assert.equal(image.config.history.at(-1)?.created_by, 'RUN /bin/sh -c echo one > /one # buildkit');
    assert.deepEqual(await harness.leftovers(), []);
  });
});

/** All that can be told of a tree, a line a file; names of one file are told by the first of them. */
function tree(root: string): string[] {
  const lines: string[] = [];
  const inodes = new Map<string, string>();
  const visit = (path: string): void => {
    const full = join(root, path);
    const stats = lstatSync(full);
    const { mode, uid, gid, dev, ino, mtimeMs } = stats;
    // Not the number of links: overlayfs counts those too that an upper layer deleted.
    const first = stats.isDirectory() ? '' : (inodes.get(`${dev}:${ino}`) ?? path);
    if (first !== '') inodes.set(`${dev}:${ino}`, first);
    const what = stats.isFile()
      ? createHash('sha256').update(readFileSync(full)).digest('hex')
      : stats.isSymbolicLink()
        ? readlinkSync(full)
        : '';
    const xattrs = listXattrs(full).map((name) => `${name}=${getXattr(full, name)?.toString('hex')}`);
    const time = stats.isDirectory() ? '' : Math.floor(mtimeMs / 1000);
    lines.push([path, mode.toString(8), uid, gid, time, first, what, ...xattrs].join(' '));
    if (stats.isDirectory()) for (const name of readdirSync(full).sort()) visit(join(path, name));
  };
  for (const name of readdirSync(root).sort()) visit(name);
  return lines;
}
