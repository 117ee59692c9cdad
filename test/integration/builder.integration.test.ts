import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { BuildStepError } from '../../src/builder/index.ts';
import type { Image } from '../../src/image/index.ts';
import { builderSkipReason } from '../support/busybox.ts';
import { BuilderHarness } from '../support/builder-harness.ts';

describe('Builder', { skip: builderSkipReason() }, () => {
  let harness: BuilderHarness;
  before(async () => {
    harness = await BuilderHarness.open();
  });
  after(() => harness.close());

  /** A build of a Dockerfile's text in a context of these files. */
  const build = (text: string, files: Record<string, string> | string = {}, more = {}) => {
    const path = typeof files === 'string' ? files : harness.context(files);
    return harness.build({ context: { kind: 'directory', path }, dockerfileText: text, ...more });
  };
  /** Folder of the image's topmost layer alone. */
  const topLayer = (image: Image) => harness.snapshotter.upperDirOf(image.layers.at(-1)!.chainId);

  it('runs a step, keeps its files and tells its output', async () => {
    const { image, output } = await build(
      'FROM busybox\nWORKDIR /app\nRUN echo hello > greeting && cat greeting && pwd',
    );
    assert.equal(output, 'hello\n/app\n');
    assert.equal(readFileSync(join(await topLayer(image), 'app/greeting'), 'utf8'), 'hello\n');
    assert.deepEqual(
      image.config.history.slice(-2).map((entry) => entry.created_by),
      ['WORKDIR /app', 'RUN /bin/sh -c echo hello > greeting && cat greeting && pwd # buildkit'],
    );
    assert.deepEqual(await harness.leftovers(), []);
  });

  it('leaves no mount points in a layer', async () => {
    const { image } = await build('FROM busybox\nRUN --mount=type=cache,target=/var/deep/cache touch /only');
    assert.deepEqual(spawnSync('ls', ['-A', await topLayer(image)], { encoding: 'utf8' }).stdout, 'only\n');
  });

  it('finds an unchanged build in the cache, with the same image', async () => {
    const text =
      'FROM busybox\nENV A=1\nCOPY a.txt b.txt /dir/\nRUN cat /dir/a.txt > /out\nLABEL x=y\nCMD ["cat", "/out"]';
    const path = harness.context({ 'a.txt': 'a', 'b.txt': 'b', 'other.txt': 'o' });
    const first = await build(text, path);
    const runs = harness.executor.runs.length;
    writeFileSync(join(path, 'other.txt'), 'changed');
    utimesSync(join(path, 'a.txt'), 1, 1);
    const second = await build(text, path);
    assert.equal(second.image.id, first.image.id);
    assert.deepEqual(second.statuses, ['FROM done', 'COPY cached', 'RUN cached']);
    assert.equal(harness.executor.runs.length, runs);
  });

  it('repeats from the copy whose file changed, nothing before it', async () => {
    const text = 'FROM busybox\nRUN echo first\nCOPY a.txt /\nRUN echo second\nCOPY b.txt /\nRUN echo third';
    const path = harness.context({ 'a.txt': 'a', 'b.txt': 'b' });
    await build(text, path);
    writeFileSync(join(path, 'b.txt'), 'B');
    const again = await build(text, path);
    assert.deepEqual(again.statuses, ['FROM done', 'RUN cached', 'COPY cached', 'RUN cached', 'COPY done', 'RUN done']);
  });

  it('reads only what a COPY names and what .dockerignore leaves', async () => {
    const path = harness.context({
      '.dockerignore': '*.log\n!keep.log',
      'a.log': '',
      'keep.log': 'k',
      'src/x.log': 'x',
      'src/y': 'y',
    });
    const { image } = await build('FROM scratch\nCOPY . /all/', path);
    const layer = await topLayer(image);
    assert.deepEqual(
      spawnSync('find', ['all', '-type', 'f'], { cwd: layer, encoding: 'utf8' }).stdout.trim().split('\n').sort(),
      ['all/.dockerignore', 'all/keep.log', 'all/src/x.log', 'all/src/y'],
    );
    await assert.rejects(
      build('FROM scratch\nCOPY a.log /', path),
      /failed to compute cache key: "\/a\.log": not found/,
    );
  });

  it('shows the failing line and the exit code', async () => {
    const failing = build('FROM busybox\nRUN echo ok\nRUN exit 2\nRUN echo never');
    await assert.rejects(failing, (error: BuildStepError) => {
      assert.ok(error instanceof BuildStepError);
      assert.equal(error.code, 'invalid_argument');
      assert.equal(error.reason, 'process "/bin/sh -c exit 2" did not complete successfully: exit code: 2');
      assert.match(error.message, /Dockerfile:3\n-{20}\n/);
      assert.match(error.snippet, / {3}3 \| >>> RUN exit 2\n/);
      return true;
    });
    assert.deepEqual(await harness.leftovers(), []);
  });

  it('ends a running step when cancelled, and leaves nothing', async () => {
    const abort = new AbortController();
    const started = Promise.withResolvers<void>();
    const building = harness.build(
      {
        context: { kind: 'directory', path: harness.context({}) },
        dockerfileText: 'FROM busybox\nRUN echo go; sleep 100',
      },
      { signal: abort.signal, onEvent: (event) => event.kind === 'output' && started.resolve() },
    );
    await Promise.race([started.promise, building]);
    abort.abort();
    await assert.rejects(building, { code: 'cancelled' });
    assert.deepEqual(await harness.leftovers(), []);
  });

  it('builds only the stages the target needs', async () => {
    const text = [
      'FROM busybox AS base',
      'RUN echo base > /base',
      'FROM base AS unused',
      'RUN exit 1',
      'FROM base AS tool',
      'RUN echo tool > /tool && chown 7:8 /tool',
      'FROM scratch AS final',
      'COPY --from=tool /tool /bin/',
      'COPY --from=0 --chown=5 /base /base2',
    ].join('\n');
    await assert.rejects(
      build(text.replace('--from=tool', '--from=tool --chown=worker')),
      /unable to find user worker/,
    );
    const { image } = await build(text);
    const tool = statSync(join(await harness.snapshotter.upperDirOf(image.layers[0]!.chainId), 'bin/tool'));
    assert.deepEqual([tool.uid, tool.gid], [7, 8]);
    const base = statSync(join(await topLayer(image), 'base2'));
    assert.deepEqual([base.uid, base.gid], [5, 5]);
    await assert.rejects(build(text, {}, { target: 'unused' }), /exit code: 1/);
    assert.deepEqual(await harness.leftovers(), []);
  });

  it('hands declared arguments to RUN, ENV first, and warns of others', async () => {
    const text = 'ARG V=1\nFROM busybox\nARG V\nARG W=w\nENV W=env\nRUN echo $V $W $HTTP_PROXY';
    const args = { V: '2', NOPE: 'x', HTTP_PROXY: 'http://p' };
    const { output, image, events } = await build(text, {}, { buildArgs: args });
    assert.equal(output, '2 env http://p\n');
    assert.equal(
      image.config.history.at(-1)?.created_by,
      'RUN |2 V=2 W=env /bin/sh -c echo $V $W $HTTP_PROXY # buildkit',
    );
    assert.deepEqual(
      events.filter((event) => event.kind === 'warning'),
      [{ kind: 'warning', message: 'One or more build-args [NOPE] were not consumed' }],
    );
    assert.deepEqual((await build(text, {}, { buildArgs: { ...args, V: '3' } })).statuses.at(-1), 'RUN done');
    assert.deepEqual((await build(text, {}, { buildArgs: { V: '2' } })).statuses.at(-1), 'RUN cached');
  });

  it('never writes outside the root through links of the base', async () => {
    const outside = join(harness.dir, 'outside');
    mkdirSync(outside);
    const path = harness.context({ 'f.txt': 'f', 'tree/evil/g.txt': 'g' });
    const links = `RUN ln -s ${outside} /evil && ln -s ../../../../../../..${outside} /up && ln -s /up/x /dangling`;
    const { image } = await build(
      `FROM busybox\n${links}\nCOPY f.txt /evil/\nCOPY f.txt /up/h.txt\nCOPY f.txt /dangling`,
      path,
    );
    assert.deepEqual(spawnSync('ls', [outside], { encoding: 'utf8' }).stdout, '');
    const upper = await harness.snapshotter.upperDirOf(image.layers.at(-3)!.chainId);
    assert.equal(readFileSync(join(upper, outside, 'f.txt'), 'utf8'), 'f');
    await assert.rejects(build(`FROM busybox\n${links}\nCOPY tree /`, path), /cannot copy to non-directory: \/evil/);
    const tar = spawnSync('tar', ['-C', path, '-cf', join(path, 't.tar'), 'f.txt']);
    assert.equal(tar.status, 0);
    await build(`FROM busybox\n${links}\nADD t.tar /evil/sub`, path);
    assert.deepEqual(spawnSync('ls', [outside], { encoding: 'utf8' }).stdout, '');
  });

  it('reads no file outside the context through its links', async () => {
    const path = harness.context({ 'in/real.txt': 'real' });
    symlinkSync('/etc/passwd', join(path, 'secret'));
    symlinkSync('../../../../etc', join(path, 'up'));
    symlinkSync('/in/real.txt', join(path, 'link'));
    symlinkSync('/etc/shadow', join(path, 'in/kept'));
    await assert.rejects(build('FROM scratch\nCOPY secret /', path), /"\/secret": not found/);
    await assert.rejects(build('FROM scratch\nCOPY up/passwd /', path), /"\/up\/passwd": not found/);
    const { image } = await build('FROM scratch\nCOPY link in /d/', path);
    const layer = await topLayer(image);
    assert.equal(readFileSync(join(layer, 'd/link'), 'utf8'), 'real');
    assert.equal(readlinkSync(join(layer, 'd/kept')), '/etc/shadow');
  });

  it('unpacks archives with ADD, by content, and not with COPY', async () => {
    const path = harness.context({ 'in/one': '1', 'in/two': '2', 'fake.tar.gz': 'no archive' });
    for (const [flag, name] of [
      ['-z', 'a.bin'],
      ['-J', 'b.bin'],
      ['-j', 'c.bin'],
    ] as const)
      assert.equal(spawnSync('tar', [flag, '-C', join(path, 'in'), '-cf', join(path, name), 'one', 'two']).status, 0);
    const { image } = await build(
      'FROM scratch\nADD a.bin /a\nADD b.bin /b/\nADD c.bin /c\nADD fake.tar.gz /d/\nCOPY a.bin /e/',
      path,
    );
    const layer = async (index: number) => harness.snapshotter.upperDirOf(image.layers[index]!.chainId);
    for (const [index, name] of ['a', 'b', 'c'].entries())
      assert.equal(readFileSync(join(await layer(index), name, 'two'), 'utf8'), '2');
    assert.ok(existsSync(join(await layer(3), 'd/fake.tar.gz')));
    assert.ok(existsSync(join(await layer(4), 'e/a.bin')));
  });

  it('downloads with ADD, once while it is unchanged', async () => {
    let transfers = 0;
    const server = createServer((request, response) => {
      if (request.url === '/moved') return void response.writeHead(302, { location: '/files/tool.sh' }).end();
      if (request.url !== '/files/tool.sh') return void response.writeHead(404).end();
      if (request.headers['if-none-match'] === '"1"') return void response.writeHead(304).end();
      transfers++;
      response.writeHead(200, { etag: '"1"', 'last-modified': 'Wed, 01 Jan 2020 00:00:00 GMT' }).end('echo tool');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const { image } = await build(`FROM scratch\nADD ${address}/files/tool.sh /bin/`);
      const stat = statSync(join(await topLayer(image), 'bin/tool.sh'));
      assert.deepEqual(
        [stat.mode & 0o777, stat.mtime.toISOString(), stat.size],
        [0o600, '2020-01-01T00:00:00.000Z', 9],
      );
      const again = await build(`FROM scratch\nADD ${address}/files/tool.sh /bin/`);
      assert.deepEqual([again.image.id, transfers], [image.id, 1]);
      await build(`FROM scratch\nADD --chmod=755 ${address}/moved /x`);
      await assert.rejects(build(`FROM scratch\nADD ${address}/nothing /x`), /invalid response status 404/);
      const checksum = `sha256:${'0'.repeat(64)}`;
      await assert.rejects(
        build(`FROM scratch\nADD --checksum=${checksum} ${address}/files/tool.sh /x`),
        /digest mismatch/,
      );
    } finally {
      server.close();
    }
  });

  it('runs here-documents', async () => {
    const text =
      'FROM busybox\nRUN <<EOF\necho one\necho two\nEOF\nRUN <<SCRIPT\n#!/bin/cat\nthree\nSCRIPT\nCOPY <<A <<B /etc/\nx\nA\ny\nB';
    const { output, image } = await build(text);
    assert.equal(output, 'one\ntwo\n#!/bin/cat\nthree\n');
    assert.equal(readFileSync(join(await topLayer(image), 'etc/B'), 'utf8'), 'y\n');
  });

  it('mounts caches, the context, other stages and memory', async () => {
    const path = harness.context({ 'dir/file': 'from context' });
    const text = [
      'FROM busybox AS other',
      'RUN echo stage > /made',
      'FROM busybox',
      'RUN --mount=type=cache,id=c1,target=/cache echo 1 >> /cache/count',
      'RUN --mount=type=cache,id=c1,target=/cache,sharing=locked cat /cache/count',
      'RUN --mount=type=bind,source=dir,target=/ctx cat /ctx/file; echo; ! touch /ctx/file 2>/dev/null',
      'RUN --mount=type=bind,from=other,source=/made,target=/m,rw cat /m && echo no > /m',
      'RUN --mount=type=tmpfs,target=/mem,size=1m df -k /mem | tail -1 | grep -o "tmpfs *1024"',
    ].join('\n');
    const { output, image } = await build(text, path);
    assert.equal(output, '1\nfrom context\nstage\ntmpfs                     1024\n');
    assert.equal(image.layers.length, 1, 'steps that change nothing make no layer');
    assert.equal(readFileSync(join(path, 'dir/file'), 'utf8'), 'from context');
    await assert.rejects(build('FROM busybox\nRUN --mount=type=secret,id=s,required true'), { code: 'not_found' });
    assert.deepEqual(await harness.leftovers(), []);
  });

  it('runs ONBUILD triggers of the base', async () => {
    const { image: base } = await build(
      'FROM busybox\nONBUILD COPY f.txt /f\nONBUILD RUN cat /f',
      {},
      { tags: ['trigger'] },
    );
    assert.deepEqual(base.config.config.OnBuild, ['COPY f.txt /f', 'RUN cat /f']);
    const { output, image } = await build('FROM trigger\nRUN echo own', { 'f.txt': 'triggered\n' });
    assert.equal(output, 'triggered\nown\n');
    assert.equal(image.config.config.OnBuild, undefined);
  });

  it('makes CMD, ENTRYPOINT and dates as Docker does', async () => {
    const { image } = await build(
      'FROM busybox\nENTRYPOINT ["e"]\nSHELL ["/bin/ash", "-c"]',
      {},
      { labels: { l: '1' } },
    );
    assert.equal(image.config.config.Cmd, undefined);
    assert.deepEqual(image.config.config.Labels, { l: '1' });
    const { image: both } = await build('FROM busybox\nSHELL ["/bin/ash", "-c"]\nCMD run me\nENTRYPOINT ["e"]');
    assert.deepEqual(both.config.config.Cmd, ['/bin/ash', '-c', 'run me']);
    const { image: dated } = await build(
      'FROM busybox\nRUN echo 1 > /dated',
      {},
      { buildArgs: { SOURCE_DATE_EPOCH: '86400' } },
    );
    assert.equal(dated.config.created, '1970-01-02T00:00:00Z');
    assert.equal(dated.config.history.at(-1)?.created, '1970-01-02T00:00:00Z');
  });

  it('builds the context of a tar, and says when there is no Dockerfile', async () => {
    const path = harness.context({ Dockerfile: 'FROM scratch\nCOPY d /x', d: 'data' });
    const tar = (folder: string) => Readable.from([spawnSync('tar', ['-C', folder, '-cz', '.']).stdout]);
    const { image } = await harness.build({ context: { kind: 'tar', stream: tar(path) } });
    assert.equal(readFileSync(join(await topLayer(image), 'x'), 'utf8'), 'data');
    rmSync(join(path, 'Dockerfile'));
    await assert.rejects(harness.build({ context: { kind: 'tar', stream: tar(path) } }), {
      message: 'failed to read dockerfile: open Dockerfile: no such file or directory',
    });
    assert.deepEqual(await harness.leftovers(), []);
  });

  it('runs stages that do not need one another at the same time', async () => {
    const stage = (name: string, other: string) =>
      `FROM busybox AS ${name}\nRUN --mount=type=cache,id=meet,target=/meet touch /meet/${name}; for i in $(seq 50); do [ -e /meet/${other} ] && exit 0; sleep 0.1; done; exit 1`;
    await build(
      `${stage('a', 'b')}\n${stage('b', 'a')}\nFROM scratch\nCOPY --from=a /bin/sh /a\nCOPY --from=b /bin/sh /b`,
    );
  });

  it('does equal work of two builds once', async () => {
    const text = 'FROM busybox\nRUN sleep 0.3; cat /proc/sys/kernel/random/uuid > /id';
    const before = harness.executor.runs.length;
    const [one, two] = await Promise.all([build(text), build(text)]);
    assert.equal(one.image.id, two.image.id);
    assert.equal(harness.executor.runs.length, before + 1);
    const fresh = await build(text, {}, { noCache: true });
    assert.notEqual(fresh.image.id, one.image.id);
  });

  it('keeps its cache over a restart, until it is pruned', async () => {
    const text = 'FROM busybox\nRUN echo restart > /r';
    const first = await build(text);
    await harness.close(true);
    harness = await BuilderHarness.open(harness.dir);
    const second = await build(text);
    assert.deepEqual([second.image.id, second.statuses.at(-1)], [first.image.id, 'RUN cached']);
    const roots = harness.builder.cacheRoots();
    assert.ok(roots.snapshots.has(first.image.layers.at(-1)!.chainId));
    const { items: deleted } = await harness.builder.prune({ all: true, filters: {} });
    assert.ok(deleted.length > 5);
    assert.deepEqual(await harness.builder.cacheUsage(), { rows: [], totalBytes: 0 });
    assert.equal((await build(text)).statuses.at(-1), 'RUN done');
  });
});
