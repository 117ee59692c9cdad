import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  cpSync,
  existsSync,
  symlinkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { autoDecompress } from '../../src/archive/index.ts';
import type { BuildEvent, BuildRequest, TypedOptions } from '../../src/builder/index.ts';
import { Unpacker, pairLayers, readImageArchive, writeImageArchive, type Image } from '../../src/image/index.ts';
import { RegistryClient, pushImage } from '../../src/distribution/index.ts';
import {
  MEDIA,
  digestOf,
  formatReference,
  parseReference,
  type ChainID,
  type Descriptor,
  type Reference,
} from '../../src/oci/index.ts';
import { serveRegistry, type RunningRegistry } from '../../src/registry/index.ts';
import { builderSkipReason } from '../support/busybox.ts';
import { BuilderHarness } from '../support/builder-harness.ts';

const STAGES = `FROM scratch AS base
COPY root /
FROM base AS tools
RUN echo tool > /tool && echo more > /more
RUN mkdir -p /deep/er && echo secret > /deep/er/not-copied
FROM base
WORKDIR /app
COPY a.txt .
COPY --from=tools /tool /tool
RUN cat /tool a.txt > /app/out
RUN true
CMD ["cat", "/app/out"]
`;

/** As little as the steps need. */
function makeRoot(path: string): void {
  for (const folder of ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev']) mkdirSync(join(path, folder), { recursive: true });
  copyFileSync('/bin/busybox', join(path, 'bin/busybox'));
  for (const applet of ['sh', 'cat', 'mkdir', 'true']) symlinkSync('busybox', join(path, 'bin', applet));
}

/** Everything of `--cache-to` and `--cache-from`: one machine exports, new machines import. */
describe('caches that travel', { skip: builderSkipReason() }, () => {
  let dir: string;
  let registry: RunningRegistry;
  const machines: BuilderHarness[] = [];
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'lading-cache-'));
    makeRoot(join(dir, 'root'));
    registry = await serveRegistry({ root: join(dir, 'registry') });
  });
  after(async () => {
    for (const machine of machines) await machine.close();
    await registry.close();
    rmSync(dir, { recursive: true });
  });

  /** A machine that has built nothing. */
  const machine = async (): Promise<BuilderHarness> => {
    const opened = await BuilderHarness.open(mkdtempSync(join(dir, 'machine-')), { bare: true });
    machines.push(opened);
    return opened;
  };
  /** Always with the same times: they are in the layers. */
  const context = (files: Record<string, string> = {}): BuildRequest['context'] => {
    const path = mkdtempSync(join(dir, 'context-'));
    spawnSync('cp', ['-a', join(dir, 'root'), path]);
    for (const [name, text] of Object.entries({ 'a.txt': 'a', ...files })) writeFileSync(join(path, name), text);
    return { kind: 'directory', path };
  };
  const build = async (on: BuilderHarness, more: Partial<BuildRequest> = {}, files: Record<string, string> = {}) => {
    const runs = on.executor.runs.length;
    const built = await on.build({ context: context(files), dockerfileText: STAGES, ...more });
    const warnings = built.events.flatMap((event) => (event.kind === 'warning' && !event.rule ? [event.message] : []));
    return { ...built, ran: on.executor.runs.length - runs, warnings };
  };
  const at = (name: string, more: Record<string, string> = {}): TypedOptions => ({
    type: 'registry',
    attrs: { ref: `127.0.0.1:${registry.port}/${name}`, ...more },
  });
  const folder = (name: string): string => join(dir, name);
  const text = async (on: BuilderHarness, image: Image, path: string): Promise<string> => {
    for (const lower of await on.snapshotter.lowerDirsOf(image.layers.at(-1)?.chainId))
      if (existsSync(join(lower, path))) return readFileSync(join(lower, path), 'utf8');
    return '';
  };

  for (const [mode, compression] of [
    ['max', 'gzip'],
    ['min', 'zstd'],
    ['max', 'uncompressed'],
  ] as const)
    it(`registry, mode ${mode}, ${compression}: a new machine runs nothing and makes the same image`, async () => {
      const [one, two] = [await machine(), await machine()];
      const first = await build(one, { cacheTo: [at(`${mode}-${compression}`, { mode, compression })] });
      assert.equal(first.ran, 4);
      const second = await build(two, { cacheFrom: [at(`${mode}-${compression}`)] });
      assert.equal(second.image.id, first.image.id);
      assert.equal(second.ran, 0);
      assert.deepEqual(second.warnings, []);
      assert.equal(await text(two, second.image, 'app/out'), 'tool\na');
      assert.deepEqual(await two.leftovers(), []);
    });

  it('brings only layers that something reads', async () => {
    const [one, two] = [await machine(), await machine()];
    const first = await build(one, { cacheTo: [at('lazy', { mode: 'max' })] });
    const { image } = await build(two, { cacheFrom: [at('lazy')] });
    const snapshots = async (on: BuilderHarness): Promise<string[]> => {
      const names: string[] = [];
      for await (const { name } of on.snapshotter.walk()) names.push(name);
      return names.sort();
    };
    assert.deepEqual(await snapshots(two), image.layers.map(({ chainId }) => chainId as string).sort());
    assert.equal((await snapshots(one)).length, first.image.layers.length + 2);
  });

  it('brings nothing at all when nothing is made of it', async () => {
    const [one, two] = [await machine(), await machine()];
    await build(one, { cacheTo: [at('only', { mode: 'max' })] });
    const request = {
      context: context(),
      dockerfile: 'Dockerfile',
      dockerfileText: STAGES,
      tags: [],
      buildArgs: {},
      labels: {},
    };
    const more = { noCache: false, pull: false, cacheFrom: [at('only')], outputs: [{ type: 'cacheonly', attrs: {} }] };
    await two.builder.build(
      { ...request, ...more, cacheTo: [at('only-copy', { mode: 'max' })] },
      { onEvent: () => undefined },
    );
    const snapshots: string[] = [];
    for await (const { name } of two.snapshotter.walk()) snapshots.push(name);
    assert.deepEqual([snapshots, two.executor.runs], [[], []]);
    const third = await build(await machine(), { cacheFrom: [at('only-copy')] });
    assert.deepEqual([third.ran, third.warnings], [0, []]);
  });

  it('goes on from a cache when a file changed, and brings what it needs for that', async () => {
    const [one, two] = [await machine(), await machine()];
    await build(one, { cacheTo: [at('changed', { mode: 'max' })] });
    const { statuses, ran, image, warnings } = await build(two, { cacheFrom: [at('changed')] }, { 'a.txt': 'b' });
    assert.deepEqual([ran, warnings], [2, []]);
    assert.deepEqual(statuses.filter((status) => !status.startsWith('FROM')).sort(), [
      'COPY cached',
      'COPY done',
      'COPY done',
      'RUN cached',
      'RUN cached',
      'RUN done',
      'RUN done',
      'WORKDIR cached',
    ]);
    assert.equal(await text(two, image, 'app/out'), 'tool\nb');
  });

  it('says on a new machine why a step was not found in the cache', async () => {
    const dockerfileText = 'FROM scratch\nCOPY root /\nARG WORD=one\nRUN echo $WORD > /word\nCOPY a.txt /';
    const [one, two, three] = [await machine(), await machine(), await machine()];
    await build(one, { dockerfileText, cacheTo: [at('why')] });
    const why = async (on: BuilderHarness, more: Partial<BuildRequest>, files = {}) => {
      const { events } = await build(on, { dockerfileText, cacheFrom: [at('why')], explain: true, ...more }, files);
      return events.flatMap((event) => (event.kind === 'explain' ? [event.message] : []));
    };
    assert.match((await why(two, { buildArgs: { WORD: 'two' } }))[0]!, /WORD changed from "?one"? to "?two"?/);
    const [message, ...more] = await why(three, {}, { 'a.txt': 'b' });
    assert.match(message!, /file/);
    assert.deepEqual(more, []);
  });

  it('mode min: what is needed of a stage that is not in the image runs again', async () => {
    const [one, two] = [await machine(), await machine()];
    await build(one, { cacheTo: [at('min')] });
    const { ran, image, warnings } = await build(two, { cacheFrom: [at('min')] }, { 'a.txt': 'b' });
    assert.equal(ran, 4);
    assert.equal(ran, 4);
    assert.match(warnings.join('\n'), /does not hold its layer; the build begins again without it/);
    assert.equal(await text(two, image, 'app/out'), 'tool\nb');
  });

  it('local: a folder, several tags in one, only what is new is written', async () => {
    const [one, two] = [await machine(), await machine()];
    const dest = folder('local');
    const first = await build(one, { cacheTo: [{ type: 'local', attrs: { dest, mode: 'max' } }] });
    const other = await build(
      one,
      { cacheTo: [{ type: 'local', attrs: { dest, tag: 'other', mode: 'max' } }] },
      { 'a.txt': 'b' },
    );
    const second = await build(two, { cacheFrom: [{ type: 'local', attrs: { src: dest } }] });
    assert.deepEqual([second.ran, second.image.id], [0, first.image.id]);
    const three = await machine();
    const third = await build(
      three,
      { cacheFrom: [{ type: 'local', attrs: { src: dest, tag: 'other' } }] },
      { 'a.txt': 'b' },
    );
    assert.deepEqual([third.ran, third.image.id], [0, other.image.id]);
    const blobs = (): number => readdirSync(join(dest, 'blobs/sha256')).length;
    const before = blobs();
    await build(one, { cacheTo: [{ type: 'local', attrs: { dest, mode: 'max' } }] });
    assert.equal(blobs(), before);
    await build(one, { cacheTo: [{ type: 'local', attrs: { dest, mode: 'max', reset: 'true' } }] });
    assert.ok(blobs() < before);
    const { manifests } = JSON.parse(readFileSync(join(dest, 'index.json'), 'utf8'));
    const fourth = await build(await machine(), {
      cacheFrom: [{ type: 'local', attrs: { src: dest, digest: manifests[0].digest } }],
    });
    assert.deepEqual([fourth.ran, manifests.length], [0, 1]);
  });

  it('inline: the image itself is the cache', async () => {
    const [one, two, three] = [await machine(), await machine(), await machine()];
    const reference = parseReference(`127.0.0.1:${registry.port}/inline:1`);
    const inline = { buildArgs: { BUILDKIT_INLINE_CACHE: '1' } };
    const first = await build(one, inline);
    assert.deepEqual(first.warnings, []);
    await pushTo(reference, one, first.image);
    const second = await build(two, {
      ...inline,
      cacheFrom: [{ type: 'registry', attrs: { ref: formatReference(reference) } }],
    });
    assert.deepEqual([second.ran, second.warnings], [0, []]);
    assert.equal(second.image.id, first.image.id);
    const carried = await build(three, { cacheTo: [{ type: 'inline', attrs: {} }] });
    assert.ok('lading.buildcache.v1' in carried.image.config);
    await pushTo({ ...reference, tag: '2' }, one, (await build(one)).image);
    const none = await build(three, { cacheFrom: [at('inline:2')] });
    assert.match(none.warnings.join(), /inline:2 is not used: the image carries no cache/);
  });

  it('inline: an image that was pulled or loaded is a cache without its registry', async () => {
    const [one, two] = [await machine(), await machine()];
    const ref = `127.0.0.1:${registry.port}/loaded:latest`;
    const inline = { cacheTo: [{ type: 'inline', attrs: {} }] };
    const first = await build(one, inline);
    await load(two, writeImageArchive(one.content, [{ image: first.image, references: [parseReference(ref)] }]));
    const second = await build(two, { ...inline, cacheFrom: [{ type: 'registry', attrs: { ref } }] });
    assert.deepEqual([second.ran, second.warnings, second.image.id], [0, [], first.image.id]);
  });

  it('takes several caches in order, and steps without layers or images without steps', async () => {
    const [one, two, three] = [await machine(), await machine(), await machine()];
    const small = { dockerfileText: 'FROM scratch\nCOPY root /\nRUN true\nLABEL a=b' };
    await build(one, { ...small, cacheTo: [at('small')] });
    await build(two, { cacheTo: [at('large', { mode: 'max' })] });
    const label = { dockerfileText: 'FROM scratch\nLABEL only=config' };
    const bare = await build(one, { ...label, cacheTo: [at('bare')] });
    const cacheFrom = [at('nowhere'), at('small'), at('large'), at('bare')];
    const { ran, warnings } = await build(three, { cacheFrom });
    assert.equal(ran, 0);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /nowhere:latest is not used/);
    assert.equal((await build(three, { ...small, cacheFrom })).ran, 0);
    assert.equal((await build(three, { ...label, cacheFrom })).image.id, bare.image.id);
  });

  it('two builds at once on a new machine bring each layer once, and a cancelled one leaves nothing', async () => {
    const [one, two] = [await machine(), await machine()];
    const first = await build(one, { cacheTo: [at('twice', { mode: 'max' })] });
    const abort = new AbortController();
    const request = { dockerfileText: STAGES, cacheFrom: [at('twice')] };
    const cancelled = two.build({ context: context(), ...request }, { signal: abort.signal });
    const both = [two.build({ context: context(), ...request }), two.build({ context: context(), ...request })];
    abort.abort();
    await assert.rejects(cancelled, { code: 'cancelled' });
    for (const { image } of await Promise.all(both)) assert.equal(image.id, first.image.id);
    assert.deepEqual([two.executor.runs, await two.leftovers()], [[], []]);
  });

  it('what was imported is this machine’s own afterwards, and is exported on', async () => {
    const [one, two, three] = [await machine(), await machine(), await machine()];
    const first = await build(one, { cacheTo: [at('relay', { mode: 'max' })] });
    await build(two, {
      cacheFrom: [at('relay')],
      cacheTo: [{ type: 'local', attrs: { dest: folder('relay'), mode: 'max' } }],
    });
    const again = await build(two);
    assert.deepEqual(
      again.statuses.filter((status) => status.endsWith('done')).filter((status) => !status.startsWith('FROM')),
      // The stage that is not in the image was passed through without its layers.
      ['RUN done', 'RUN done'],
    );
    const third = await build(three, { cacheFrom: [{ type: 'local', attrs: { src: folder('relay') } }] });
    assert.deepEqual([third.ran, third.image.id, third.warnings], [0, first.image.id, []]);
    const changed = await build(
      await machine(),
      { cacheFrom: [{ type: 'local', attrs: { src: folder('relay') } }] },
      { 'a.txt': 'b' },
    );
    assert.deepEqual([changed.ran, changed.warnings], [2, []]);
  });

  it('several platforms share one cache', async () => {
    const dockerfileText = 'FROM scratch\nARG TARGETARCH\nCOPY a.txt /$TARGETARCH\nWORKDIR /w';
    const platforms = [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ];
    const [one, two] = [await machine(), await machine()];
    const run = async (on: BuilderHarness, more: Partial<BuildRequest>) => {
      const events: BuildEvent[] = [];
      const result = await on.builder.build(
        {
          context: context(),
          dockerfile: 'Dockerfile',
          dockerfileText,
          platforms,
          tags: ['multi'],
          buildArgs: {},
          labels: {},
          noCache: false,
          pull: false,
          ...more,
        },
        { onEvent: (event) => events.push(event) },
      );
      const done = events.flatMap((event) => (event.kind === 'step' && event.status === 'done' ? [event.name] : []));
      return { id: result.imageId, done: done.filter((name) => !name.startsWith('FROM')) };
    };
    const first = await run(one, { cacheTo: [at('multi')] });
    assert.equal(first.done.length, 5);
    assert.deepEqual(await run(two, { cacheFrom: [at('multi')] }), { id: first.id, done: [] });
  });

  it('--link layers and RUN with cache mounts travel', async () => {
    const dockerfileText = `FROM scratch
COPY root /
COPY --link a.txt /linked/a.txt
COPY --link a.txt /tmp/a.txt
RUN --mount=type=cache,target=/cache echo x >> /cache/x && cat /linked/a.txt > /out`;
    const [one, two] = [await machine(), await machine()];
    const first = await build(one, { dockerfileText, cacheTo: [at('link')] });
    const second = await build(two, { dockerfileText, cacheFrom: [at('link')] });
    assert.deepEqual([second.ran, second.image.id, second.warnings], [0, first.image.id, []]);
    assert.ok(second.statuses.every((status) => /^FROM|cached$/.test(status)));
    assert.equal(existsSync(join(two.dir, 'build/cache-mounts')), false);
  });

  it('an export that fails fails the build, unless its error is to be ignored', async () => {
    const one = await machine();
    const server = createServer((_request, response) => response.writeHead(403).end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const attrs = { ref: `${host}/closed` };
    await assert.rejects(build(one, { cacheTo: [{ type: 'registry', attrs }] }), new RegExp(host));
    const { warnings } = await build(one, {
      cacheTo: [{ type: 'registry', attrs: { ...attrs, 'ignore-error': 'true' } }],
    });
    assert.match(warnings.join(), new RegExp(`cache was not exported to ${host}/closed:latest`));
    server.close();
    await assert.rejects(
      build(one, { cacheTo: [{ type: 'local', attrs: { dest: '/dev/null/cache' } }] }),
      /^LadingError: export cache to local \/dev\/null\/cache: ENOTDIR/,
    );
  });

  it('a damaged, shortened or missing layer is a miss with a warning, never a wrong result', async () => {
    const one = await machine();
    const dest = folder('damaged');
    await build(one, { cacheTo: [{ type: 'local', attrs: { dest, mode: 'max', compression: 'uncompressed' } }] });
    const { layers } = manifestIn(dest);
    const file = (digest: string): string => join(dest, 'blobs', ...digest.split(':'));
    const damages: [string, (path: string, bytes: Buffer) => void][] = [
      ['other bytes', (path, bytes) => writeFileSync(path, Buffer.concat([bytes.subarray(0, -1), Buffer.from('x')]))],
      ['shorter', (path, bytes) => writeFileSync(path, bytes.subarray(0, 1000))],
      ['longer', (path, bytes) => writeFileSync(path, Buffer.concat([bytes, bytes]))],
      ['missing', (path) => rmSync(path)],
    ];
    for (const [name, damage] of damages) {
      const saved = layers.map(({ digest }) => readFileSync(file(digest)));
      layers.forEach(({ digest }, i) => damage(file(digest), saved[i]!));
      const two = await machine();
      const { warnings, image, ran } = await build(two, { cacheFrom: [{ type: 'local', attrs: { src: dest } }] });
      // A step that changed nothing has no layer to be damaged.
      assert.ok(ran >= 3, name);
      assert.match(warnings.join(), /the build begins again without it/, name);
      assert.equal(await text(two, image, 'app/out'), 'tool\na', name);
      assert.deepEqual(await two.leftovers(), [], name);
      layers.forEach(({ digest }, i) => writeFileSync(file(digest), saved[i]!));
    }
  });

  it('a record that claims another layer, or a layer that is not what its diffID says, is not taken', async () => {
    const one = await machine();
    const dest = folder('lying');
    await build(one, { cacheTo: [{ type: 'local', attrs: { dest, mode: 'max', compression: 'uncompressed' } }] });
    const { warnings, ran } = await withDocument(dest, (document) => {
      // The layers change places: each diffID now names another layer's bytes.
      document.rootfs.diff_ids.push(document.rootfs.diff_ids.shift());
    });
    assert.ok(ran >= 3);
    assert.match(warnings.join(), /diffID|diff_id|digest/i);
  });

  it('a layer that is not what its diffID says is not taken for one that is unpacked already', async () => {
    const one = await machine();
    for (const compression of ['uncompressed', 'gzip']) {
      const dest = folder(`lying-${compression}`);
      await build(one, { cacheTo: [{ type: 'local', attrs: { dest, mode: 'max', compression } }] });
      const victim = await machine();
      await build(victim, { tags: ['kept'] });
      await victim.builder.prune({ all: true, filters: {} });
      const exchange = (document: any): void => {
        document.rootfs.diff_ids.push(document.rootfs.diff_ids.shift());
      };
      const { warnings, image } = await withDocument(dest, exchange, { on: victim });
      assert.match(warnings.join(), /its diffID is "sha256:[0-9a-f]{64}", the image says/, compression);
      for (const { diffId, blob } of image.layers) {
        const { stream } = await autoDecompress(await victim.content.open(blob.digest));
        assert.equal(digestOf(await buffer(stream)), diffId, compression);
      }
    }
  });

  it('documents that are broken, huge or not lading’s are a miss that says what they are', async () => {
    const one = await machine();
    const dest = folder('broken');
    const cacheTo = [{ type: 'local', attrs: { dest, mode: 'max' } }];
    await build(one, { cacheTo });
    const rows: [RegExp, (document: any) => unknown][] = [
      [/no lading cache document/, () => ({})],
      [/no lading cache document/, () => []],
      [/records is not a list/, (document) => ({ ...document, records: 'x' })],
      [/more than 10000/, (document) => ({ ...document, records: Array(10_001).fill({}) })],
      [/layers are not those/, (document) => ({ ...document, rootfs: { diff_ids: [] } })],
      [/something else than digests/, (document) => ({ ...document, rootfs: { diff_ids: ['../../etc/passwd'] } })],
      [/more than 4194304/, (document) => ({ ...document, filler: 'x'.repeat(5 << 20) })],
    ];
    for (const [message, change] of rows) {
      const { warnings, ran } = await withDocument(dest, change);
      assert.equal(ran, 4);
      assert.match(warnings.join(), message);
    }
    const { ran: all } = await withDocument(dest, ({ records, ...document }) => ({
      ...document,
      records: records.map((record: object, i: number) => ({
        ...record,
        ...[{ key: 'x' }, { createdAt: 'now' }, { text: 1 }, { parent: 'me' }][i % 4],
      })),
    }));
    assert.equal(all, 4);
    writeFileSync(join(dest, 'index.json'), '{"schemaVersion":2,"manifests":');
    const two = await machine();
    assert.match(
      (await build(two, { cacheFrom: [{ type: 'local', attrs: { src: dest } }] })).warnings.join(),
      /not JSON/,
    );
  });

  it('says that BuildKit’s caches cannot be read', async () => {
    const dest = folder('buildkit');
    const one = await machine();
    await build(one, { cacheTo: [{ type: 'local', attrs: { dest } }] });
    const { warnings } = await withDocument(dest, (document) => document, {
      mediaType: 'application/vnd.buildkit.cacheconfig.v0',
    });
    assert.match(warnings.join(), /it is BuildKit's, whose keys mean nothing to lading/);
  });

  it('refuses options that mean nothing', async () => {
    const one = await machine();
    const rows: [RegExp, Partial<BuildRequest>][] = [
      [/type "gha" are not supported/, { cacheTo: [{ type: 'gha', attrs: {} }] }],
      [/type "s3" are not supported/, { cacheFrom: [{ type: 's3', attrs: { region: 'x' } }] }],
      [/unknown cache type "ftp"/, { cacheFrom: [{ type: 'ftp', attrs: {} }] }],
      [/"ref" is required/, { cacheTo: [{ type: 'registry', attrs: {} }] }],
      [/unknown option "moode"/, { cacheTo: [at('x', { moode: 'max' })] }],
      [/mode="medium"/, { cacheTo: [at('x', { mode: 'medium' })] }],
      [/compression-level "99"/, { cacheTo: [at('x', { 'compression-level': '99' })] }],
      [/in no other form/, { cacheTo: [at('x', { 'image-manifest': 'false' })] }],
    ];
    for (const [message, request] of rows) await assert.rejects(build(one, request), message);
  });

  /** As `lading load`. */
  const load = async (on: BuilderHarness, archive: Readable): Promise<void> => {
    const unpacker = new Unpacker(on.content, on.snapshotter);
    for (const loaded of await readImageArchive(archive, on.content, { keep: async () => undefined })) {
      let parent: ChainID | undefined;
      for (const { diffId, blob } of pairLayers(loaded.config, loaded.layers))
        parent = await unpacker.unpack(parent, diffId, blob);
      const { id, manifest, names } = loaded;
      const layerSizes = loaded.layers.map(() => 0);
      on.images.put({ id, manifest, storedAt: new Date().toISOString(), sizeBytes: 0, layerSizes }, names);
    }
  };

  /** Pushes an image as it is stored. */
  const pushTo = async (reference: Reference, from: BuilderHarness, image: Image): Promise<void> => {
    using client = new RegistryClient();
    const config = { mediaType: MEDIA.ociConfig, digest: image.id, size: (await from.content.info(image.id))!.size };
    await pushImage(client, reference, {
      manifestBytes: await from.content.read(image.manifest.digest),
      mediaType: image.manifest.mediaType,
      blobs: [config, ...image.layers.map(({ blob }) => blob)].map((descriptor) => ({
        descriptor,
        open: (start = 0) => from.content.open(descriptor.digest, { start }),
      })),
    });
  };

  interface Manifest {
    config: Descriptor;
    readonly layers: readonly Descriptor[];
  }
  const manifestIn = (dest: string): Manifest => {
    const { manifests } = JSON.parse(readFileSync(join(dest, 'index.json'), 'utf8'));
    return JSON.parse(readFileSync(join(dest, 'blobs', ...manifests[0].digest.split(':')), 'utf8'));
  };
  /** A build with a cache whose document is another. */
  const withDocument = async (
    dest: string,
    change: (document: any) => unknown,
    { mediaType, on }: { readonly mediaType?: string; readonly on?: BuilderHarness } = {},
  ) => {
    const changed = mkdtempSync(join(dir, 'changed-'));
    cpSync(dest, changed, { recursive: true });
    const put = (bytes: Buffer, type: string): Descriptor => {
      const digest = digestOf(bytes);
      writeFileSync(join(changed, 'blobs', ...digest.split(':')), bytes);
      return { mediaType: type, digest, size: bytes.length };
    };
    const manifest = manifestIn(changed);
    const document = JSON.parse(readFileSync(join(changed, 'blobs', ...manifest.config.digest.split(':')), 'utf8'));
    const bytes = Buffer.from(JSON.stringify(change(document) ?? document));
    manifest.config = put(bytes, mediaType ?? manifest.config.mediaType);
    const listed = put(Buffer.from(JSON.stringify(manifest)), MEDIA.ociManifest);
    const src = { src: changed, digest: listed.digest };
    return build(on ?? (await machine()), { cacheFrom: [{ type: 'local', attrs: src }] });
  };
});
