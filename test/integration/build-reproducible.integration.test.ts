import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Image } from '../../src/image/index.ts';
import { builderSkipReason } from '../support/busybox.ts';
import { buildElsewhere, openWithBase } from '../support/build-elsewhere.ts';
import type { BuilderHarness } from '../support/builder-harness.ts';

const EPOCH = 1_600_000_000;

const DOCKERFILE = `FROM base AS maker
RUN mkdir -p /out/deep && echo made > /out/deep/file && ln /out/deep/file /out/again && touch -d @1000 /out/old && mkfifo /out/pipe
RUN --mount=type=bind,source=src,target=/src cp -p /src/a /out/bound

FROM base
ARG WHO=me
RUN rm -r /root && rm -r /var && mkdir /var && echo $WHO > /var/who
WORKDIR /app/deep
COPY src/ ./src/
COPY --chown=worker:worker src/a /home/worker/
ADD old.tar /unpacked/
COPY <<END /app/text
hello
END
COPY --from=maker /out /made
COPY --link src/b /linked/
RUN find /app | sort > /tmp/listing && touch /tmp/made
CMD ["sh"]
`;

/** The same files, as another machine has them: made in another order, at other times, with other inodes. */
function project(parent: string, { shuffled = false, mtime }: { shuffled?: boolean; mtime: number }): string {
  const dir = mkdtempSync(join(parent, 'project-'));
  const files = ['src/a', 'src/b', 'src/dir/c', 'src/dir/d', 'src/z/e'];
  for (const name of shuffled ? files.toReversed() : files) {
    mkdirSync(dirname(join(dir, name)), { recursive: true, mode: 0o755 });
    if (shuffled) writeFileSync(join(parent, `${Math.random()}`), '');
    writeFileSync(join(dir, name), `content of ${name}`, { mode: 0o644 });
  }
  // The same zeros, with and without room on the disk.
  writeFileSync(join(dir, 'src/zeros'), shuffled ? Buffer.alloc(1 << 20) : '');
  truncateSync(join(dir, 'src/zeros'), 1 << 20);
  symlinkSync('a', join(dir, 'src/link'));
  linkSync(join(dir, 'src/b'), join(dir, 'src/dir/b2'));
  writeFileSync(join(dir, 'inner'), 'inner');
  lutimesSync(join(dir, 'inner'), 5000, 5000);
  execFileSync('tar', ['--sort=name', '--owner=0', '--group=0', '--mode=644', '-cf', 'old.tar', 'inner'], { cwd: dir });
  rmSync(join(dir, 'inner'));
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' }))
    lutimesSync(join(dir, name), mtime, mtime);
  return dir;
}

describe('a build with SOURCE_DATE_EPOCH', { skip: builderSkipReason() }, () => {
  let harness: BuilderHarness;
  before(async () => {
    harness = await openWithBase();
  });
  after(() => harness.close());

  const build = (path: string, text = DOCKERFILE, epoch: number | 'none' = EPOCH) =>
    harness.build({
      context: { kind: 'directory', path },
      dockerfileText: text,
      buildArgs: epoch === 'none' ? {} : { SOURCE_DATE_EPOCH: String(epoch) },
    });
  const layersOf = (image: Image) => image.layers.map(({ diffId }) => diffId);
  const folderOf = (image: Image) => harness.snapshotter.upperDirOf(image.layers.at(-1)!.chainId);

  it('gives one digest on two stores, whatever the times, order, inodes of the context and the umask', async () => {
    const here = await build(project(harness.dir, { mtime: 1_700_000_000 }));
    const there = buildElsewhere(project(harness.dir, { shuffled: true, mtime: 1_234_567 }), DOCKERFILE, EPOCH);
    assert.equal(there, here.image.manifest.digest);
    assert.deepEqual(await harness.leftovers(), []);
  });

  it('gives the same image from a cache that holds parts of it', async () => {
    const path = project(harness.dir, { mtime: 1_700_000_000 });
    const whole = await build(path);
    const again = await build(path);
    assert.ok(again.statuses.every((status) => !status.endsWith('done') || status === 'FROM done'));
    assert.equal(again.image.id, whole.image.id);
    await harness.builder.prune({ all: true, filters: {} });
    // Without an epoch first: those records hold the machine's times, and must not be taken.
    await build(path, DOCKERFILE, 'none');
    await build(path, DOCKERFILE, EPOCH + 1);
    const mixed = await build(path);
    assert.deepEqual(layersOf(mixed.image), layersOf(whole.image));
    assert.equal(mixed.image.manifest.digest, whole.image.manifest.digest);
  });

  it('shows the next step the times that are in the layer', async () => {
    const { image } = await build(
      harness.context({ f: 'f' }),
      'FROM base\nCOPY f /f\nRUN touch -d @1000 /old; touch /new; mkdir /d\nRUN stat -c %Y /f /old /new /d > /times',
    );
    const text = execFileSync('cat', [join(await folderOf(image), 'times')], { encoding: 'utf8' });
    assert.equal(text, `${EPOCH}\n1000\n${EPOCH}\n${EPOCH}\n`);
    const config = image.config;
    assert.equal(config.created, '2020-09-13T12:26:40Z');
  });

  it('gives files of the context the epoch itself, also when it lies ahead', async () => {
    const ahead = 4_000_000_000;
    const context = harness.context({ f: 'f' });
    lutimesSync(join(context, 'f'), 1000, 1000);
    const { image } = await build(context, 'FROM base\nRUN touch /made\nCOPY f /dir/f', ahead);
    const folder = await folderOf(image);
    const made = await harness.snapshotter.upperDirOf(image.layers.at(-2)!.chainId);
    for (const path of [join(folder, 'dir'), join(folder, 'dir/f'), join(made, 'made')])
      assert.equal(lstatSync(path).mtimeMs, ahead * 1000, path);
  });

  it('repeats only what another epoch would change', async () => {
    const context = project(harness.dir, { mtime: 1_700_000_000 });
    const text = 'FROM scratch\nADD old.tar /\nCOPY src/a /a';
    const first = await build(context, text, 6000);
    assert.deepEqual(first.statuses, ['FROM done', 'ADD done', 'COPY done']);
    const later = await build(context, text, 7000);
    // An archive of the context is the context's, its times are its own: but it lies beside files that get the epoch.
    assert.equal(later.image.layers.length, 2);
    const fixed = 'FROM base AS a\nFROM scratch\nCOPY --from=a / /';
    await build(context, fixed, EPOCH);
    const copied = await build(context, fixed, EPOCH + 5);
    assert.deepEqual(copied.statuses.slice(-1), ['COPY cached']);
    const before = await build(context, fixed, 1000);
    assert.deepEqual(before.statuses.slice(-1), ['COPY done']);
    assert.equal(lstatSync(join(await folderOf(before.image), 'bin/busybox')).mtimeMs, 1_000_000);
  });

  it('copies from a stage by content and time', async () => {
    const text = (mtime: number) =>
      `FROM base AS a\nRUN echo x > /x && touch -d @${mtime} /x\nFROM base\nCOPY --from=a /x /x`;
    const context = harness.context({});
    const one = await build(context, text(1000));
    const two = await build(context, text(2000));
    assert.equal(lstatSync(join(await folderOf(one.image), 'x')).mtimeMs, 1_000_000);
    assert.equal(lstatSync(join(await folderOf(two.image), 'x')).mtimeMs, 2_000_000);
  });

  it('takes the epoch from a default before the first FROM, and refuses what is no time', async () => {
    const context = harness.context({});
    const { image } = await build(context, `ARG SOURCE_DATE_EPOCH=${EPOCH}\nFROM base\nRUN touch /x`, 'none');
    assert.equal(lstatSync(join(await folderOf(image), 'x')).mtimeMs, EPOCH * 1000);
    await assert.rejects(build(context, 'ARG SOURCE_DATE_EPOCH=soon\nFROM base', 'none'), {
      message: /invalid SOURCE_DATE_EPOCH: "soon"/,
    });
  });

  it('keeps the times of sources when there is none', async () => {
    const context = harness.context({ f: 'f' });
    lutimesSync(join(context, 'f'), 1000, 1000);
    const { image } = await build(context, 'FROM base\nCOPY f /f', 'none');
    assert.equal(lstatSync(join(await folderOf(image), 'f')).mtimeMs, 1_000_000);
  });
});
