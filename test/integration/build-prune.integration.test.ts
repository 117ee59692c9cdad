import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, truncateSync } from 'node:fs';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { BuildRequest } from '../../src/builder/index.ts';
import type { Image } from '../../src/image/index.ts';
import { builderSkipReason } from '../support/busybox.ts';
import { BuilderHarness } from '../support/builder-harness.ts';

const MB = 1 << 20;
/** A step whose layer is so large. */
const step = (name: string, megabytes: number): string =>
  `RUN dd if=/dev/zero of=/${name} bs=1M count=${megabytes} 2>/dev/null`;

describe('limits of the build cache', { skip: builderSkipReason() }, () => {
  let harness: BuilderHarness;
  before(async () => {
    harness = await BuilderHarness.open();
  });
  after(() => harness.close());
  beforeEach(async () => {
    await harness.builder.prune({ all: true, filters: {} });
    await harness.collect();
  });

  const build = (text: string, more: Partial<BuildRequest> = {}) =>
    harness.build({ context: { kind: 'directory', path: harness.context({}) }, dockerfileText: text, ...more });
  const forget = (id: string): void => harness.images.remove(id as never);
  const used = (): number =>
    Number(spawnSync('du', ['-s', '-B1', harness.dir], { encoding: 'utf8' }).stdout.split('\t')[0]);
  const descriptions = (items: readonly { description: string }[]): string[] =>
    items.map(({ description }) => description.replace(/.*of=\/(\w+).*/, '$1'));

  it('counts what removal frees, to the byte that is free afterwards', async () => {
    const first = await build(`FROM busybox\n${step('one', 5)}\n${step('two', 3)}`);
    const second = await build(
      `FROM busybox\n${step('one', 5)}\n${step('three', 2)}\nRUN --mount=type=cache,target=/c dd if=/dev/zero of=/c/x bs=1M count=4`,
    );
    forget(first.image.id);
    forget(second.image.id);
    await harness.collect();
    const before = used();
    const { items, layerBytes, mountBytes } = await harness.builder.prune({ all: true, filters: {} });
    await harness.collect();
    const freed = before - used();
    const billed = items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    assert.equal(billed, layerBytes + mountBytes);
    assert.ok(billed > 2 * 10 * MB + 4 * MB, `${billed}`);
    // Folders and records of the database are no part of it.
    assert.ok(Math.abs(freed - billed) < MB / 2, `billed ${billed}, freed ${freed}`);
    assert.deepEqual(await harness.builder.cacheUsage(), { rows: [], totalBytes: 0 });
    assert.deepEqual(await harness.leftovers(), []);
  });

  it('what an image has is shared, costs nothing and stays', async () => {
    const { image } = await build(`FROM busybox\n${step('kept', 2)}`, { tags: ['kept'] });
    const { rows, totalBytes } = await harness.builder.cacheUsage();
    const row = rows.find(({ description }) => description.includes('of=/kept'))!;
    assert.deepEqual([row.shared, row.inUse, row.type, row.uses, totalBytes], [true, false, 'regular', 1, 0]);
    assert.ok(row.sizeBytes >= 4 * MB);
    assert.deepEqual((await harness.builder.prune({ all: false, filters: {} })).items, []);
    const { items, layerBytes } = await harness.builder.prune({ all: true, filters: {} });
    assert.deepEqual([descriptions(items), layerBytes], [['kept'], 0]);
    await harness.collect();
    assert.ok(await harness.snapshotter.stat(image.layers.at(-1)!.chainId));
  });

  it('takes the least recently used first, no more than the limit asks for, and never what others stand on', async () => {
    const texts = {
      old: `FROM busybox\n${step('old', 4)}`,
      base: `FROM busybox\n${step('base', 4)}`,
      new: `FROM busybox\n${step('base', 4)}\n${step('new', 4)}`,
    };
    for (const text of Object.values(texts)) forget((await build(text)).image.id);
    forget((await build(texts.new)).image.id);
    const { totalBytes } = await harness.builder.cacheUsage();
    const dry = await harness.builder.prune({ all: false, filters: {}, maxUsedBytes: totalBytes - MB, dryRun: true });
    assert.deepEqual(descriptions(dry.items), ['old']);
    assert.equal((await harness.builder.cacheUsage()).totalBytes, totalBytes);
    const { items } = await harness.builder.prune({ all: false, filters: {}, maxUsedBytes: totalBytes - MB });
    assert.deepEqual(descriptions(items), ['old']);
    const { items: most } = await harness.builder.prune({ all: false, filters: {}, reservedBytes: 9 * MB });
    assert.deepEqual(descriptions(most), ['new']);
    assert.equal((await build(texts.base)).statuses.at(-1), 'RUN cached');
  });

  it('leaves last-used times alone', async () => {
    forget((await build(`FROM busybox\n${step('one', 1)}\n${step('two', 1)}`)).image.id);
    const times = async () =>
      (await harness.builder.cacheUsage()).rows.map(({ id, lastUsedAt, uses }) => [id, lastUsedAt, uses]);
    const before = await times();
    await harness.builder.prune({ all: false, filters: { 'unused-for': ['1h'] } });
    await harness.builder.prune({ all: false, filters: {}, dryRun: true });
    assert.deepEqual(await times(), before);
  });

  it('filters by id, type, description, age and use', async () => {
    forget(
      (await build(`FROM busybox\n${step('one', 1)}\nRUN --mount=type=cache,id=npm,target=/c touch /c/x`)).image.id,
    );
    const prune = async (filters: Record<string, string[]>) =>
      descriptions((await harness.builder.prune({ all: false, filters, dryRun: true })).items);
    const { rows } = await harness.builder.cacheUsage();
    assert.deepEqual(rows.map(({ type }) => type).sort(), ['exec.cachemount', 'regular', 'regular']);
    const one = rows.find(({ description }) => description.includes('of=/one'))!;
    assert.deepEqual(await prune({ type: ['exec.cachemount'] }), ['cached mount npm']);
    assert.deepEqual(await prune({ id: [one.id.slice(0, 12)] }), ['one']);
    assert.deepEqual(await prune({ description: ['of=/one'] }), ['one']);
    assert.deepEqual(await prune({ 'unused-for': ['24h'] }), []);
    assert.equal((await prune({ until: [new Date(Date.now() + 1000).toISOString()] })).length, 3);
    assert.deepEqual(await prune({ inuse: ['true'] }), []);
    assert.deepEqual(await prune({ shared: ['true'] }), []);
    await assert.rejects(prune({ colour: ['red'] }), /invalid filter 'colour'/);
  });

  it('never takes what a running build holds', async () => {
    const held = `FROM busybox\n${step('held', 1)}`;
    forget((await build(held)).image.id);
    const abort = new AbortController();
    const running = Promise.withResolvers<void>();
    const result = harness.build(
      {
        context: { kind: 'directory', path: harness.context({}) },
        dockerfileText: `${held}\nRUN --mount=type=cache,target=/c echo here; sleep 60`,
      },
      { signal: abort.signal, onEvent: (event) => event.kind === 'output' && running.resolve() },
    );
    result.catch(() => undefined);
    await running.promise;
    const { rows } = await harness.builder.cacheUsage();
    assert.deepEqual(
      rows.map(({ inUse }) => inUse),
      [true, true],
    );
    assert.deepEqual((await harness.builder.prune({ all: true, filters: {} })).items, []);
    await harness.collect();
    abort.abort();
    await assert.rejects(result);
  });

  it('runs a step again whose layer is damaged or gone', async () => {
    const text = `FROM busybox\nRUN echo a > /a\nRUN cat /a > /b`;
    const damages: ((layer: Image['layers'][number]) => Promise<unknown>)[] = [
      async ({ blob }) => truncateSync(await harness.content.pathOf(blob.digest), 10),
      ({ blob }) => harness.content.delete(blob.digest),
      async ({ chainId }) => rmSync(await harness.snapshotter.upperDirOf(chainId), { recursive: true }),
    ];
    for (const damage of damages) {
      const { image } = await build(text);
      await damage(image.layers.at(-2)!);
      const again = await build(text);
      assert.equal(again.statuses[1], 'RUN done');
      const [first, second] = again.image.layers
        .slice(-2)
        .map(({ chainId }) => harness.snapshotter.upperDirOf(chainId));
      assert.deepEqual([readdirSync(await first!), readdirSync(await second!)], [['a'], ['b']]);
      assert.equal((await build(text)).statuses[1], 'RUN cached');
    }
  });
});
