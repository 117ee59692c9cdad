import assert from 'node:assert/strict';
import { lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Image } from '../../src/image/index.ts';
import { builderSkipReason } from '../support/busybox.ts';
import { BuilderHarness } from '../support/builder-harness.ts';

describe('COPY --link', { skip: builderSkipReason() }, () => {
  let harness: BuilderHarness;
  before(async () => {
    harness = await BuilderHarness.open();
  });
  after(() => harness.close());

  const build = (text: string, path: string) =>
    harness.build({ context: { kind: 'directory', path }, dockerfileText: text });
  const top = (image: Image) => image.layers.at(-1)!;

  it('gives one layer on two bases, and copies nothing when the base moves', async () => {
    const path = harness.context({ 'app/a': 'a' });
    const on = (base: string) =>
      build(`FROM busybox\nRUN echo ${base} > /base\nCOPY --link app /srv/app\nRUN cat /srv/app/a /base > /out`, path);
    const [one, two] = [await on('one'), await on('two')];
    const link = (image: Image) => image.layers.at(-2)!;
    assert.deepEqual(two.statuses, ['FROM done', 'RUN done', 'COPY cached', 'RUN done']);
    assert.equal(link(one.image).diffId, link(two.image).diffId);
    assert.notEqual(link(one.image).chainId, link(two.image).chainId);
    const folders = await Promise.all(
      [one, two].map(({ image }) => harness.snapshotter.upperDirOf(link(image).chainId)),
    );
    assert.equal(folders[0], folders[1]);
    assert.equal(
      readFileSync(join(await harness.snapshotter.upperDirOf(top(two.image).chainId), 'out'), 'utf8'),
      'atwo\n',
    );
    assert.deepEqual(await harness.leftovers(), []);
  });

  it('runs again when the file changes, and not when only what is below does', async () => {
    const path = harness.context({ f: '1', g: '1' });
    const text = 'FROM busybox\nCOPY g /g\nCOPY --link f /f';
    await build(text, path);
    writeFileSync(join(path, 'g'), '2');
    assert.deepEqual((await build(text, path)).statuses, ['FROM done', 'COPY done', 'COPY cached']);
    writeFileSync(join(path, 'f'), '2');
    assert.deepEqual((await build(text, path)).statuses, ['FROM done', 'COPY cached', 'COPY done']);
  });

  it('leaves the mode of a folder on the way as it is below', async () => {
    const path = harness.context({ f: 'x' });
    const { output } = await build(
      'FROM busybox\nRUN mkdir -m 1777 /shared\nCOPY --link f /shared/sub/f\nRUN stat -c %a /shared /shared/sub',
      path,
    );
    assert.equal(output, '1777\n755\n');
  });

  it('finds owners by name in the stage before, and replaces a link on the way', async () => {
    const path = harness.context({ f: 'x' });
    const { image, output, events } = await build(
      `FROM busybox
RUN mkdir -p /etc && echo 'app:x:7:8::/:/bin/sh' >> /etc/passwd && ln -s /tmp /to
COPY --link --chown=app f /to/f
RUN stat -c %u:%g /to/f && ls /tmp`,
      path,
    );
    assert.equal(output, '7:8\n');
    const folder = await harness.snapshotter.upperDirOf(top(image).chainId);
    assert.ok(lstatSync(join(folder, 'to')).isDirectory());
    assert.ok(
      events.some((event) => event.kind === 'warning' && /makes a folder of the link "\/to"/.test(event.message)),
    );
  });

  it('works on scratch and several times in one stage', async () => {
    const path = harness.context({ a: 'a', b: 'b' });
    const { image } = await build(
      'FROM scratch AS s\nCOPY --link a /x/a\nCOPY --link b /x/b\nCOPY --link a /x/a\nFROM busybox\nCOPY --from=s --link /x /y\nRUN cat /y/a /y/b > /out',
      path,
    );
    assert.equal(readFileSync(join(await harness.snapshotter.upperDirOf(top(image).chainId), 'out'), 'utf8'), 'ab');
  });
});
