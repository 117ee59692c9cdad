import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BUSYBOX, importBusybox } from '../support/busybox.ts';
import { TestDaemon, daemonSkipReason } from '../support/test-daemon.ts';

interface ProfileJson {
  readonly compared?: { readonly id: string };
  readonly totals: Record<string, number>;
  readonly steps: readonly { readonly name: string; readonly status: string; readonly sizeBytes?: number }[];
}

describe('recorded builds', { skip: daemonSkipReason() ?? false }, () => {
  let daemon: TestDaemon;
  let folder: string;
  const lading = (...args: string[]) => daemon.lading(args);
  const ids = () => lading('builds', 'ls', '-q').stdout.trim().split('\n');

  before(async () => {
    daemon = await TestDaemon.start();
    importBusybox(daemon);
    folder = mkdtempSync('/var/tmp/lading-history-');
    writeFileSync(
      join(folder, 'Dockerfile'),
      `FROM ${BUSYBOX}\nARG PASSWORD\nRUN echo printed once; sleep 0.3; echo to stderr >&2\nCOPY file /\n`,
    );
    writeFileSync(join(folder, 'file'), '1');
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    if (folder) rmSync(folder, { recursive: true });
  });

  test('the log of a step is kept, and shown for a build that found it in the cache, also after a restart', async () => {
    assert.equal(lading('build', '-t', 'my/app', folder).status, 0);
    writeFileSync(join(folder, 'file'), '2');
    assert.equal(lading('build', '-t', 'my/app', folder).status, 0);
    await daemon.stop();
    await daemon.up();
    assert.equal(ids().length, 2);
    const { stdout } = lading('build', 'log', 'my/app');
    assert.match(stdout, /#2 \[stage-0\] RUN .* \(cached, 0\.0s\)\nprinted once\nto stderr\n/);
    assert.equal(lading('build', 'log', 'latest', '2').stdout, 'printed once\nto stderr\n');
    assert.match(lading('build', 'log', 'latest', '9').stderr, /has no step 9/);
  });

  test('a profile adds up and is compared with the build before', () => {
    const profile = JSON.parse(lading('build', 'profile', 'my/app', '--format', 'json').stdout) as ProfileJson;
    const { totals, steps, compared } = profile;
    assert.equal(compared?.id, ids()[1]);
    assert.equal(totals['wallMs'], totals['busyMs']! + totals['idleMs']!);
    const sizes = steps.map(({ sizeBytes = 0 }) => sizeBytes);
    assert.equal(
      totals['layerBytes'],
      sizes.reduce((sum, size) => sum + size, 0),
    );
    assert.deepEqual(
      steps.map(({ name, status }) => `${name.split(' ')[0]} ${status}`),
      ['FROM done', 'RUN cached', 'COPY done'],
    );
    const page = join(folder, 'profile.html');
    assert.equal(lading('build', 'profile', 'latest', '-o', page).status, 0);
    assert.match(readFileSync(page, 'utf8'), /^<!doctype html>[\s\S]*<svg [\s\S]*<\/html>\n$/);
  });

  test('a failed build is recorded with its output and error, and without argument values', () => {
    writeFileSync(join(folder, 'Bad'), `FROM ${BUSYBOX}\nARG PASSWORD\nRUN echo before; exit 3\n`);
    const failed = lading(
      'build',
      '-f',
      join(folder, 'Bad'),
      '--name',
      'bad',
      '--build-arg',
      'PASSWORD=hunter2',
      folder,
    );
    assert.equal(failed.status, 1);
    const [record] = JSON.parse(lading('builds', 'inspect', 'bad').stdout) as [{ status: string; error: string }];
    assert.equal(record.status, 'failed');
    assert.match(record.error, /exit code: 3/);
    assert.doesNotMatch(JSON.stringify(record), /hunter2/);
    assert.equal(lading('build', 'log', 'bad', '2').stdout, 'before\n');
    assert.equal(lading('builds', 'rm', 'bad').status, 0);
    assert.match(lading('build', 'log', 'bad').stderr, /No such build: bad/);
  });

  test('a folder named like a verb is still built', () => {
    const context = join(folder, 'log');
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), `FROM ${BUSYBOX}\nLABEL a=b\n`);
    const { status, stderr } = daemon.lading(['build', 'log'], { cwd: folder });
    assert.equal(status, 0, stderr);
  });
});
