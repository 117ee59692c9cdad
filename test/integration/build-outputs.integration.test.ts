import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { RegistryClient } from '../../src/distribution/index.ts';
import { parseManifestDocument, parseReference } from '../../src/oci/index.ts';
import { startRegistry } from '../support/registry-process.ts';
import { TestDaemon, daemonSkipReason } from '../support/test-daemon.ts';

const skip = daemonSkipReason();

describe('outputs of a build', { skip: skip ?? false }, () => {
  let daemon: TestDaemon;
  let registry: Awaited<ReturnType<typeof startRegistry>>;
  let context: string;
  before(async () => {
    daemon = await TestDaemon.start();
    registry = await startRegistry(join(daemon.dir, 'registry'));
    context = join(daemon.dir, 'context');
    mkdirSync(join(context, 'd'), { recursive: true });
    writeFileSync(join(context, 'a.txt'), 'hello\n');
    writeFileSync(join(context, 'd/f'), 'x'.repeat(5000));
    chmodSync(join(context, 'd/f'), 0o700);
    symlinkSync('f', join(context, 'd/l'));
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY a.txt /\nCOPY d /d\nLABEL b=2 a=1\n');
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    await daemon[Symbol.asyncDispose]();
  });

  const path = (name: string): string => join(daemon.dir, name);
  const build = (...args: string[]): string => daemon.ok('build', '-q', ...args, context);
  const refused = (...args: string[]): string => {
    const { status, stderr } = daemon.lading(['build', '-q', ...args, context]);
    assert.notEqual(status, 0, args.join(' '));
    return stderr;
  };
  const inTar = (tar: string, name: string): string =>
    spawnSync('tar', ['-xOf', path(tar), name], { encoding: 'utf8' }).stdout;
  const json = <T>(text: string): T => JSON.parse(text) as T;
  interface Layout {
    readonly manifests: readonly { readonly digest: string; readonly annotations?: Record<string, string> }[];
  }
  interface Manifest {
    readonly mediaType: string;
    readonly config: { readonly mediaType: string };
    readonly layers: readonly { readonly mediaType: string }[];
    readonly annotations?: Record<string, string>;
  }

  it('docker: a tar that load takes, with every name', () => {
    const id = build('-t', 'tarred:1', '-t', 'other/name:2', '-o', `type=docker,dest=${path('docker.tar')}`).trim();
    assert.equal(daemon.lading(['inspect', 'tarred:1']).status, 1, 'it is not in the image store');
    const [entry] = json<{ RepoTags: string[]; Config: string }[]>(inTar('docker.tar', 'manifest.json'));
    assert.deepEqual(entry?.RepoTags, ['tarred:1', 'other/name:2']);
    assert.equal(entry?.Config, `blobs/${id.replace(':', '/')}`);
    assert.match(daemon.ok('load', '-i', path('docker.tar')), /tarred:1[^]*other\/name:2/);
    assert.equal(json<{ Id: string }[]>(daemon.ok('inspect', 'tarred:1'))[0]?.Id, id);
    daemon.ok('rmi', '-f', id);
  });

  it('oci: a tar and a folder with the same documents', () => {
    build('-t', 'layout:1', '-o', `type=oci,dest=${path('oci.tar')}`, '-o', `type=oci,dest=${path('oci')},tar=false`);
    const index = json<Layout>(inTar('oci.tar', 'index.json'));
    assert.deepEqual(json<Layout>(readFileSync(path('oci/index.json'), 'utf8')), index);
    assert.equal(index.manifests[0]?.annotations?.['io.containerd.image.name'], 'docker.io/library/layout:1');
    const blobs = spawnSync('tar', ['-tf', path('oci.tar')], { encoding: 'utf8' }).stdout.split('\n');
    assert.deepEqual(
      readdirSync(path('oci/blobs/sha256')).map((name) => `blobs/sha256/${name}`),
      blobs.filter((name) => /sha256\/./.test(name)),
    );
    for (const name of readdirSync(path('oci/blobs/sha256')))
      assert.equal(
        spawnSync('sha256sum', [path(`oci/blobs/sha256/${name}`)], { encoding: 'utf8' }).stdout.slice(0, 64),
        name,
      );
  });

  it('layers have the compression that was asked for', () => {
    const types: Record<string, string> = {
      'compression=gzip': 'application/vnd.oci.image.layer.v1.tar+gzip',
      'compression=zstd,compression-level=9': 'application/vnd.oci.image.layer.v1.tar+zstd',
      'compression=uncompressed': 'application/vnd.oci.image.layer.v1.tar',
      'compression=gzip,oci-mediatypes=false': 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    };
    for (const [options, type] of Object.entries(types)) {
      build('-o', `type=oci,dest=${path('form.tar')},${options}`);
      const [target] = json<Layout>(inTar('form.tar', 'index.json')).manifests;
      const manifest = json<Manifest>(inTar('form.tar', `blobs/${target?.digest.replace(':', '/')}`));
      assert.deepEqual([...new Set(manifest.layers.map(({ mediaType }) => mediaType))], [type], options);
    }
  });

  it('local: the files, added to a folder or in place of what it had', () => {
    mkdirSync(path('local/d/old'), { recursive: true });
    writeFileSync(path('local/d/old/file'), 'old');
    symlinkSync('/etc', path('local/etc'));
    build('-o', path('local'));
    assert.equal(readFileSync(path('local/a.txt'), 'utf8'), 'hello\n');
    assert.equal(statSync(path('local/d/f')).mode & 0o7777, 0o700);
    assert.equal(readlinkSync(path('local/d/l')), 'f');
    assert.equal(existsSync(path('local/d/old/file')), true);
    build('-o', `type=local,dest=${path('local')},mode=delete`);
    assert.deepEqual(readdirSync(path('local')).sort(), ['a.txt', 'd']);
    assert.deepEqual(readdirSync(path('local/d')).sort(), ['f', 'l']);
    assert.equal(existsSync('/etc/passwd'), true, 'a symlink was removed, not what it led to');
  });

  it('local: a symlink in the folder is replaced, not written through', () => {
    mkdirSync(path('trap'));
    mkdirSync(path('outside'));
    symlinkSync(path('outside'), path('trap/d'));
    build('-o', path('trap'));
    assert.equal(lstatSync(path('trap/d')).isDirectory(), true);
    assert.deepEqual(readdirSync(path('outside')), []);
  });

  it('tar: the files, to a file or to standard output', () => {
    build('-o', `type=tar,dest=${path('files.tar')}`);
    const names = (tar: string): string[] =>
      spawnSync('tar', ['-tf', '-'], { input: Buffer.from(tar, 'latin1'), encoding: 'utf8' })
        .stdout.trim()
        .split('\n');
    assert.deepEqual(names(readFileSync(path('files.tar'), 'latin1')), ['a.txt', 'd/', 'd/f', 'd/l']);
    assert.deepEqual(names(build('-o', '-')), ['a.txt', 'd/', 'd/f', 'd/l']);
  });

  it('several at once, with Docker’s metadata and the image ID in files', () => {
    const [iid, meta] = [path('iid'), path('meta.json')];
    build('-t', 'several:1', '-o', path('both'), '-o', 'type=image', '--iidfile', iid, '--metadata-file', meta);
    const id = readFileSync(iid, 'utf8');
    const found = json<Record<string, string | { digest: string; size: number }>>(readFileSync(meta, 'utf8'));
    assert.equal(found['containerimage.config.digest'], id);
    assert.equal(found['image.name'], 'docker.io/library/several:1');
    assert.match(String(found['containerimage.digest']), /^sha256:[0-9a-f]{64}$/);
    assert.deepEqual((found['containerimage.descriptor'] as { digest: string }).digest, found['containerimage.digest']);
    assert.ok(found['buildx.build.ref']);
    assert.equal(json<{ Id: string }[]>(daemon.ok('inspect', 'several:1'))[0]?.Id, id);
    assert.equal(existsSync(path('both/a.txt')), true);
  });

  it('cacheonly makes no image', () => {
    build('-t', 'nothing:1', '-o', 'type=cacheonly', '--iidfile', path('none'));
    assert.equal(readFileSync(path('none'), 'utf8'), '');
    assert.equal(daemon.lading(['inspect', 'nothing:1']).status, 1);
  });

  it('push: every tag, compressed, under the digest that is told', async () => {
    const at = `127.0.0.1:${registry.port}`;
    build('--push', '-t', `${at}/app:1`, '-t', `${at}/more/app:2`, '--metadata-file', path('pushed.json'));
    const digest = json<Record<string, string>>(readFileSync(path('pushed.json'), 'utf8'))['containerimage.digest'];
    using client = new RegistryClient();
    for (const name of [`${at}/app:1`, `${at}/more/app:2`]) {
      const { descriptor, bytes, mediaType } = await client.resolve(parseReference(name));
      assert.equal(descriptor.digest, digest);
      const document = parseManifestDocument(bytes, mediaType);
      assert.ok(document.kind === 'manifest');
      assert.ok(document.manifest.layers.every((layer) => layer.mediaType.endsWith('tar+gzip')));
    }
    assert.match(daemon.ok('images', '--digests', `${at}/app`), new RegExp(`app +1 +${digest}`));
    daemon.ok('rmi', '-f', `${at}/app:1`, `${at}/more/app:2`);
    daemon.ok('pull', '-q', `${at}/app:1`);
  });

  it('push by digest gives the registry no tag', async () => {
    const name = `127.0.0.1:${registry.port}/nameless`;
    const meta = path('by-digest.json');
    build('-o', `type=image,name=${name},push=true,push-by-digest=true,store=false`, '--metadata-file', meta);
    const digest = json<Record<string, string>>(readFileSync(meta, 'utf8'))['containerimage.digest'];
    using client = new RegistryClient();
    assert.equal((await client.resolve(parseReference(`${name}@${digest}`))).descriptor.digest, digest);
    await assert.rejects(client.resolve(parseReference(`${name}:latest`)), { code: 'not_found' });
  });

  it('annotations reach the manifest, and what names it', () => {
    const on = ['--annotation', 'org.example.a=1', '--annotation', 'manifest-descriptor:d=2'];
    build(...on, '-o', `type=oci,dest=${path('annotated.tar')},annotation.own=3`);
    const [target] = json<Layout>(inTar('annotated.tar', 'index.json')).manifests;
    assert.deepEqual(target?.annotations, { d: '2' });
    const manifest = json<Manifest>(inTar('annotated.tar', `blobs/${target.digest.replace(':', '/')}`));
    assert.deepEqual(manifest.annotations, { 'org.example.a': '1', own: '3' });
    assert.match(refused('--annotation', 'index:a=1'), /level index, but the image has no index/);
    assert.match(refused('--annotation', 'a=1', '-o', path('x')), /no output of this build is an image/);
  });

  it('what cannot be written is said before anything is built', () => {
    const folder = path('a-folder');
    mkdirSync(folder);
    assert.match(refused('--push'), /tag is needed when pushing to registry/);
    assert.match(refused('-o', `type=tar,dest=${folder}`), /destination file is a directory/);
    assert.match(refused('-o', `type=oci,dest=${path('no/such/x.tar')}`), /no\/such" does not exist/);
    assert.match(refused('-o', path('context/a.txt')), /destination directory is a file/);
    assert.match(refused('-o', 'type=carrier-pigeon'), /output type "carrier-pigeon" does not exist/);
    assert.match(refused('-o', `${path('z')}`, '-o', `type=tar,dest=${path('z')}`), /two outputs are to be written/);
  });

  it('a full disk fails the build, and leaves no part of the file', () => {
    assert.match(refused('-o', 'type=tar,dest=/dev/full'), /\/dev\/full": no space left on the device/);
    assert.equal(statSync('/dev/full').isCharacterDevice(), true, 'the device is still one');
    writeFileSync(path('kept.tar'), 'before');
    const small = path('small');
    mkdirSync(small);
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', small]);
    try {
      assert.match(refused('-o', `type=oci,dest=${small}/x.tar`), /no space left on the device/);
      assert.deepEqual(readdirSync(small), []);
      assert.match(refused('-o', `${small}/folder`), /no space left/i);
      assert.deepEqual(readdirSync(small), []);
    } finally {
      spawnSync('umount', [small]);
    }
  });

  it('a registry that refuses fails the build, and no name moves', () => {
    build('-t', '127.0.0.1:1/app:1');
    const before = json<{ Id: string }[]>(daemon.ok('inspect', '127.0.0.1:1/app:1'))[0]?.Id;
    const { status, stderr } = daemon.lading([
      'build',
      '--push',
      '--tag=127.0.0.1:1/app:1',
      '--label=new=1',
      `--iidfile=${path('not-written')}`,
      context,
    ]);
    assert.equal(status, 1);
    assert.match(stderr, /ERROR: failed to build: push 127\.0\.0\.1:1\/app:1/);
    assert.equal(json<{ Id: string }[]>(daemon.ok('inspect', '127.0.0.1:1/app:1'))[0]?.Id, before);
    assert.equal(existsSync(path('not-written')), false);
  });
});
