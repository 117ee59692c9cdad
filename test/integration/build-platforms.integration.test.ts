import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readEmulators } from '../../src/builder/platform/emulation.ts';
import { hostPlatform, formatPlatform, parsePlatform } from '../../src/oci/index.ts';
import { BuilderHarness } from '../support/builder-harness.ts';
import { builderSkipReason, makeBusyboxRoot } from '../support/busybox.ts';
import { startRegistry } from '../support/registry-process.ts';
import { TestDaemon, daemonSkipReason } from '../support/test-daemon.ts';

const HOST = formatPlatform(hostPlatform());
/** One that neither machine of a test runs itself. */
const FOREIGN = 'linux/s390x';
const SIMPLE = 'FROM scratch\nARG TARGETPLATFORM\nLABEL for=$TARGETPLATFORM\nCOPY . /\nCMD ["/bin/cat","/file"]\n';

describe('several platforms', { skip: daemonSkipReason() ?? false }, () => {
  let daemon: TestDaemon;
  let registry: Awaited<ReturnType<typeof startRegistry>>;
  let context: string;
  before(async () => {
    daemon = await TestDaemon.start();
    registry = await startRegistry(join(daemon.dir, 'registry'));
    context = join(daemon.dir, 'context');
    mkdirSync(context);
    makeBusyboxRoot(context);
    writeFileSync(join(context, 'file'), 'ran\n');
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    await daemon[Symbol.asyncDispose]();
  });

  const both = `${FOREIGN},${HOST}`;
  const dockerfile = (text: string): string => {
    const path = join(daemon.dir, `Dockerfile-${Math.random()}`);
    writeFileSync(path, text);
    return path;
  };
  const build = (text: string, ...args: string[]): string =>
    daemon.ok('build', '-q', '-f', dockerfile(text), ...args, context).trim();
  const inspect = (ref: string): { Id: string; Architecture: string; RepoTags: string[]; Config: { Labels: object } } =>
    (JSON.parse(daemon.ok('inspect', ref)) as never[])[0]!;
  const dataOf = (): string[] => {
    const root = join(daemon.dataRoot, 'content');
    return spawnSync('find', [root, '-type', 'f', '-size', '-4k'], { encoding: 'utf8' }).stdout.trim().split('\n');
  };

  it('an index is stored whole, is listed once, and means this machine’s image', () => {
    const id = build(SIMPLE, '--platform', both, '-t', 'many:1');
    assert.deepEqual(daemon.ok('images', '-q', '--no-trunc').trim().split('\n'), [id]);
    for (const ref of ['many:1', id, id.slice(7, 19)]) {
      assert.equal(inspect(ref).Id, id);
      assert.equal(`linux/${inspect(ref).Architecture}`, HOST);
      assert.deepEqual(inspect(ref).Config.Labels, { for: HOST });
    }
    assert.equal(daemon.ok('run', '--rm', 'many:1'), 'ran\n');
    assert.match(daemon.ok('history', 'many:1'), /LABEL for=/);
  });

  it('names move, are added and removed as for any image; the last takes all platforms along', () => {
    const id = build(SIMPLE, '--platform', both, '-t', 'many:1');
    daemon.ok('tag', 'many:1', 'also:2');
    assert.equal(inspect('also:2').Id, id);
    assert.match(daemon.ok('rmi', 'many:1'), /^Untagged: many:1\n$/);
    const other = build(`${SIMPLE}LABEL again=1\n`, '--platform', both, '-t', 'also:2');
    assert.deepEqual(inspect(id).RepoTags, []);
    assert.match(daemon.ok('image', 'prune', '-f'), new RegExp(id));
    assert.equal(daemon.lading(['inspect', id]).status, 1);
    assert.equal(inspect('also:2').Id, other);
    assert.match(daemon.ok('rmi', 'also:2'), new RegExp(`Untagged: also:2\nDeleted: ${other}`));
    assert.equal(daemon.ok('images', '-aq'), '');
  });

  it('a container keeps an index from being removed', () => {
    build(SIMPLE, '--platform', both, '-t', 'used:1');
    const container = daemon.ok('create', 'used:1').trim();
    const { status, stderr } = daemon.lading(['rmi', 'used:1']);
    assert.equal(status, 1);
    assert.match(stderr, /image is being used by stopped container/);
    daemon.ok('rm', container);
    daemon.ok('rmi', 'used:1');
    assert.equal(daemon.ok('images', '-aq'), '');
  });

  it('an untagged index is there once, by its ID', () => {
    const id = build(SIMPLE, '--platform', both);
    assert.deepEqual(daemon.ok('images', '-q', '--no-trunc').trim().split('\n'), [id]);
    daemon.ok('rmi', id);
    assert.equal(daemon.ok('images', '-aq'), '');
  });

  it('push sends every platform and the index; a pull takes what is wanted, side by side', () => {
    const name = `127.0.0.1:${registry.port}/many:1`;
    build(SIMPLE, '--platform', both, '-t', name);
    daemon.ok('push', '-q', name);
    daemon.ok('rmi', name);
    assert.equal(daemon.ok('images', '-aq'), '');
    daemon.ok('pull', '-q', name);
    const host = inspect(name).Id;
    const foreign = build(`FROM ${name}\nCOPY file /more\n`, '--platform', FOREIGN);
    assert.equal(`linux/${inspect(foreign).Architecture}`, FOREIGN);
    assert.equal(inspect(name).Id, host, 'the name means what it meant');
    assert.equal(daemon.ok('run', '--rm', name), 'ran\n');
    // The second time nobody is asked.
    daemon.ok('tag', name, 'moved:1');
    build(`FROM ${name}\nCOPY file /another\n`, '--platform', FOREIGN);
    daemon.ok('rmi', foreign);
    daemon.ok('rmi', name);
  });

  it('--push of several platforms gives the registry the ID that is told', () => {
    const name = `127.0.0.1:${registry.port}/direct:1`;
    const id = build(SIMPLE, '--platform', both, '--push', '-t', name);
    assert.equal(inspect(name).Id, id);
    assert.match(daemon.ok('images', '--digests', '--no-trunc'), new RegExp(`direct +1 +${id} +${id}`));
    daemon.ok('rmi', '-f', name);
    const fromRegistry = daemon
      .ok('build', '-q', '--platform', FOREIGN, '-f', dockerfile(`FROM ${name}`), context)
      .trim();
    assert.equal(`linux/${inspect(fromRegistry).Architecture}`, FOREIGN);
    assert.equal(daemon.lading(['inspect', name]).status, 1, 'the name stays free for this machine’s image');
    daemon.ok('image', 'prune', '-af');
  });

  it('save writes the index, load brings all of it back', () => {
    const id = build(SIMPLE, '--platform', both, '-t', 'saved:1');
    const tar = join(daemon.dir, 'saved.tar');
    daemon.ok('save', '-o', tar, 'saved:1');
    const read = (name: string): string => spawnSync('tar', ['-xOf', tar, name], { encoding: 'utf8' }).stdout;
    const [target] = (JSON.parse(read('index.json')) as { manifests: { digest: string; mediaType: string }[] })
      .manifests;
    assert.deepEqual([target?.digest, target?.mediaType], [id, 'application/vnd.oci.image.index.v1+json']);
    const index = JSON.parse(read(`blobs/${id.replace(':', '/')}`)) as { manifests: { digest: string }[] };
    for (const { digest } of index.manifests) assert.match(read(`blobs/${digest.replace(':', '/')}`), /"layers"/);
    daemon.ok('rmi', 'saved:1');
    daemon.ok('load', '-i', tar);
    assert.equal(inspect('saved:1').Id, id);
    assert.equal(daemon.ok('run', '--rm', 'saved:1'), 'ran\n');
    daemon.ok('save', '-o', tar, 'saved:1');
    assert.match(read(`blobs/${index.manifests[0]?.digest.replace(':', '/')}`), /"layers"/);
    daemon.ok('rmi', 'saved:1');
    assert.equal(daemon.ok('images', '-aq'), '');
  });

  it('removed indexes leave nothing behind', () => {
    daemon.ok('builder', 'prune', '-af');
    assert.deepEqual(
      dataOf().filter((file) => file !== '' && readFileSync(file, 'utf8').includes('"manifests"')),
      [],
    );
  });

  it('outputs to the client are split by platform; a docker-archive holds one', () => {
    const local = join(daemon.dir, 'split');
    build('FROM scratch\nCOPY file /\n', '--platform', both, '-o', local);
    for (const platform of [FOREIGN, HOST])
      assert.equal(readFileSync(join(local, platform.replaceAll('/', '_'), 'file'), 'utf8'), 'ran\n');
    const tar = join(daemon.dir, 'split.tar');
    build('FROM scratch\nCOPY file /\n', '--platform', both, '-o', `type=tar,dest=${tar}`);
    const names = spawnSync('tar', ['-tf', tar], { encoding: 'utf8' }).stdout.trim().split('\n');
    const folders = [FOREIGN, HOST].map((platform) => platform.replaceAll('/', '_'));
    assert.deepEqual(
      names,
      folders.flatMap((folder) => [`${folder}/`, `${folder}/file`]),
    );
    const one = join(daemon.dir, 'one');
    build('FROM scratch\nCOPY file /\n', '--platform', FOREIGN, '-o', one);
    assert.equal(existsSync(join(one, 'file')), true, 'one platform has no folder of its own');
    const file = dockerfile(SIMPLE);
    const refused = daemon.lading(['build', '-f', file, '--platform', both, '-o', `type=docker,dest=${tar}`, context]);
    assert.match(refused.stderr, /docker exporter does not support exporting manifest lists/);
  });
});

describe('platforms of a build', { skip: builderSkipReason() }, () => {
  let harness: BuilderHarness;
  before(async () => {
    harness = await BuilderHarness.open();
  });
  after(() => harness.close());

  const platforms = (...texts: string[]) => ({ platforms: texts.map((text) => parsePlatform(text)) });
  const build = (text: string, more = {}) =>
    harness.build({
      context: { kind: 'directory', path: harness.context({ file: 'f' }) },
      dockerfileText: text,
      ...more,
    });
  const index = async (id: string | undefined) => {
    const { record, index: found } = harness.images.resolve(id ?? '');
    assert.ok(found, 'an index');
    const text = (await harness.content.read(found.descriptor.digest)).toString();
    const document = JSON.parse(text) as {
      manifests: { digest: string; platform: object; annotations?: object }[];
      annotations?: object;
    };
    return { record, found, document };
  };

  it('a stage for the build platform runs once for all', async () => {
    const before = harness.executor.runs.length;
    const { result } = await build(
      `FROM --platform=$BUILDPLATFORM busybox AS tools
RUN echo built > /out
FROM scratch
ARG TARGETARCH
LABEL arch=$TARGETARCH
COPY --from=tools /out /out`,
      platforms('linux/s390x', HOST, 'linux/riscv64'),
    );
    assert.equal(harness.executor.runs.length - before, 1);
    const { document } = await index(result.imageId);
    assert.deepEqual(
      document.manifests.map(({ platform }) => platform),
      [
        { architecture: 's390x', os: 'linux' },
        { architecture: hostPlatform().architecture, os: 'linux' },
        { architecture: 'riscv64', os: 'linux' },
      ],
    );
  });

  it('platforms are told in the usual form, in the order asked, each once', async () => {
    const { result } = await build('FROM scratch\nCOPY file /\n', platforms('linux/arm64/v8', 'linux/amd64/v2', 'arm'));
    const { document } = await index(result.imageId);
    assert.deepEqual(
      document.manifests.map(({ platform }) => platform),
      [
        { architecture: 'arm64', os: 'linux' },
        { architecture: 'amd64', os: 'linux', variant: 'v2' },
        { architecture: 'arm', os: 'linux', variant: 'v7' },
      ],
    );
    await assert.rejects(build('FROM scratch\nCOPY file /\n', platforms('linux/arm64', 'linux/arm64/v8')), {
      code: 'invalid_argument',
      message: /duplicate platform "linux\/arm64"/,
    });
  });

  it('one platform makes a plain manifest, unless BUILDKIT_MULTI_PLATFORM asks for an index', async () => {
    const text = 'FROM scratch\nCOPY file /\n';
    const plain = await build(text, platforms('linux/s390x'));
    assert.equal(harness.images.resolve(plain.image.id).index, undefined);
    const multi = await build(text, { ...platforms('linux/s390x'), buildArgs: { BUILDKIT_MULTI_PLATFORM: '1' } });
    assert.equal((await index(multi.result.imageId)).document.manifests.length, 1);
  });

  it('annotations reach the index, its entries and one platform’s manifest', async () => {
    const { result } = await build('FROM scratch\nCOPY file /\n', {
      ...platforms('linux/s390x', 'linux/riscv64'),
      annotations: ['index:i=1', 'manifest[linux/s390x]:m=2', 'manifest-descriptor:d=3'],
    });
    const { document, found } = await index(result.imageId);
    assert.deepEqual(document.annotations, { i: '1' });
    assert.deepEqual(
      document.manifests.map(({ annotations }) => annotations),
      [{ d: '3' }, { d: '3' }],
    );
    const annotations = await Promise.all(
      found.images.map(async ({ manifest }) => {
        const text = (await harness.content.read(manifest.digest)).toString();
        return (JSON.parse(text) as { annotations?: object }).annotations;
      }),
    );
    assert.deepEqual(annotations, [{ m: '2' }, undefined]);
  });

  it('steps name their platform', async () => {
    const { events } = await build('FROM scratch\nCOPY file /\n', platforms('linux/s390x', 'linux/riscv64'));
    const places = events.flatMap((event) => (event.kind === 'step' ? [event.place] : []));
    assert.ok(places.includes('[linux/s390x 2/2]') && places.includes('[linux/riscv64 2/2]'), places.join());
  });

  it('RUN for a platform that nothing here can run is refused before it starts', async (t) => {
    const emulators = await readEmulators();
    if (emulators.some(({ name }) => /s390x/.test(name))) return t.skip('this machine has an emulator for s390x');
    const root = mkdtempSync(join(tmpdir(), 'lading-root-'));
    makeBusyboxRoot(root);
    const text = 'FROM scratch\nCOPY . /\nRUN echo never\n';
    const before = harness.executor.runs.length;
    const request = { dockerfileText: text, context: { kind: 'directory', path: root }, ...platforms('linux/s390x') };
    await assert.rejects(harness.build(request as never), {
      message: /RUN for linux\/s390x: this machine is linux\/\w+ and has no emulator for s390x/,
      hint: /qemu-user-static/,
    });
    assert.equal(harness.executor.runs.length, before);
    assert.deepEqual(await harness.leftovers(), []);
    rmSync(root, { recursive: true });
  });
});
