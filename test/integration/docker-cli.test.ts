import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BUSYBOX, importBusybox } from '../support/busybox.ts';
import { startRegistry } from '../support/registry-process.ts';
import { TestDaemon, daemonSkipReason } from '../support/test-daemon.ts';

const hasDocker = spawnSync('docker', ['--version']).status === 0;
const skip = daemonSkipReason() ?? (hasDocker ? false : 'needs the docker command line');

describe('the stock docker command line works against the socket', { skip }, () => {
  let daemon: TestDaemon;
  let folder: string;

  before(async () => {
    daemon = await TestDaemon.start();
    importBusybox(daemon);
    folder = mkdtempSync('/var/tmp/lading-docker-cli-');
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    if (folder) rmSync(folder, { recursive: true });
  });

  test('version and info', () => {
    assert.match(daemon.dockerOk('version'), /Server:[^]*API version:/);
    assert.match(daemon.dockerOk('info'), /Images: 1\n/);
    assert.equal(daemon.dockerOk('info', '--format', '{{.Driver}}').trim(), 'overlay2');
  });

  test('images, tag, inspect, history and rmi', () => {
    assert.match(daemon.dockerOk('images'), /^busybox\s+test\s+[a-f0-9]{12}/m);
    daemon.dockerOk('tag', BUSYBOX, 'other:1');
    assert.equal(daemon.dockerOk('inspect', '--format', '{{json .Config.Cmd}}', 'other:1').trim(), '["sh"]');
    assert.match(daemon.dockerOk('history', 'other:1'), /IMAGE\s+CREATED/);
    assert.equal(daemon.dockerOk('rmi', 'other:1').trim(), 'Untagged: other:1');
    assert.match(daemon.docker(['inspect', 'other:1']).stderr, /No such object: other:1/);
  });

  test('run gives back output, standard error, input and the exit code', () => {
    assert.equal(daemon.dockerOk('run', '--rm', BUSYBOX, 'echo', 'hello'), 'hello\n');
    const both = daemon.docker(['run', '--rm', BUSYBOX, 'sh', '-c', 'echo out; echo err >&2; exit 4']);
    assert.deepEqual([both.status, both.stdout, both.stderr], [4, 'out\n', 'err\n']);
    assert.equal(daemon.docker(['run', '--rm', '-i', BUSYBOX, 'cat'], { input: 'through\n' }).stdout, 'through\n');
    assert.equal(daemon.docker(['run', '--rm', BUSYBOX, 'nothing-here']).status, 127);
    assert.equal(daemon.docker(['run', '--rm', BUSYBOX, '/etc/passwd']).status, 126);
    assert.equal(daemon.dockerOk('ps', '-aq'), '');
  });

  test('run -d, ps, logs, exec, inspect, stop, rm', () => {
    daemon.dockerOk(
      'run',
      '-d',
      '--name',
      'cc',
      '-e',
      'COLOR=blue',
      '-w',
      '/tmp',
      BUSYBOX,
      'sh',
      '-c',
      'trap "exit 0" TERM; echo started; while :; do sleep 0.1; done',
    );
    assert.match(daemon.dockerOk('ps'), /busybox:test\s+"sh -c 'trap \\"exit 0….*Up .* cc\n/);
    assert.equal(daemon.dockerOk('exec', 'cc', 'sh', '-c', 'echo $COLOR; pwd'), 'blue\n/tmp\n');
    assert.equal(daemon.docker(['exec', '-i', 'cc', 'cat'], { input: 'typed' }).stdout, 'typed');
    assert.equal(daemon.docker(['exec', 'cc', 'sh', '-c', 'exit 9']).status, 9);
    assert.equal(daemon.dockerOk('logs', 'cc'), 'started\n');
    assert.equal(daemon.dockerOk('inspect', '--format', '{{.State.Status}} {{.Path}}', 'cc'), 'running sh\n');
    assert.match(daemon.dockerOk('top', 'cc'), /PID[^]*sh -c/);
    daemon.dockerOk('stop', 'cc');
    assert.equal(daemon.dockerOk('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'cc'), 'exited 0\n');
    daemon.dockerOk('rm', 'cc');
  });

  test('save, load, commit and cp', () => {
    const file = join(folder, 'image.tar');
    daemon.dockerOk('create', '--name', 'cc', BUSYBOX);
    writeFileSync(join(folder, 'note'), 'note\n');
    daemon.dockerOk('cp', join(folder, 'note'), 'cc:/note');
    daemon.dockerOk('cp', 'cc:/note', join(folder, 'back'));
    assert.equal(readFileSync(join(folder, 'back'), 'utf8'), 'note\n');
    daemon.dockerOk('commit', '-m', 'with a note', 'cc', 'noted:1');
    daemon.dockerOk('rm', 'cc');
    daemon.dockerOk('save', '-o', file, 'noted:1');
    daemon.dockerOk('rmi', 'noted:1');
    assert.match(daemon.dockerOk('load', '-i', file), /Loaded image: noted:1/);
    assert.equal(daemon.dockerOk('run', '--rm', 'noted:1', 'cat', '/note'), 'note\n');
    daemon.dockerOk('rmi', 'noted:1');
  });

  test('push and pull', async () => {
    await using registry = await startRegistry(join(folder, 'registry'));
    const remote = `127.0.0.1:${registry.port}/team/busybox:1`;
    daemon.dockerOk('tag', BUSYBOX, remote);
    assert.match(daemon.dockerOk('push', remote), /1: digest: sha256:[a-f0-9]{64} size: \d+/);
    daemon.dockerOk('rmi', remote);
    assert.match(daemon.dockerOk('pull', remote), /Status: Downloaded newer image/);
    assert.match(daemon.dockerOk('images', '--digests'), /team\/busybox\s+1\s+sha256:/);
    daemon.dockerOk('rmi', remote);
    assert.match(
      daemon.docker(['pull', `127.0.0.1:${registry.port}/team/none:1`]).stderr,
      /manifest unknown|not found/,
    );
  });

  test('system df and builder prune', () => {
    writeFileSync(join(folder, 'Dockerfile'), `FROM ${BUSYBOX}\nRUN dd if=/dev/zero of=/big bs=1M count=3\n`);
    daemon.ok('build', '-t', 'cached:1', folder);
    assert.match(daemon.dockerOk('system', 'df'), /Build Cache\s+1\s+0\s+\S+\s+0B/);
    assert.match(daemon.dockerOk('system', 'df', '-v'), /CACHE ID[\s\S]*regular[\s\S]*true/);
    daemon.dockerOk('rmi', 'cached:1');
    assert.match(daemon.dockerOk('builder', 'prune', '-f', '--keep-storage', '1GB'), /Total:?[^\n]*0B/);
    const pruned = daemon.dockerOk('builder', 'prune', '-af');
    assert.match(pruned, /[0-9a-z]{12,}/);
    assert.match(pruned, /Total:?[^\n]*6\.\d+MB/);
    assert.match(daemon.dockerOk('system', 'df'), /Build Cache\s+0\s+0\s+0B/);
  });

  test('the classic builder', () => {
    writeFileSync(join(folder, 'Dockerfile'), `FROM ${BUSYBOX}\nRUN echo classic > /built\nCMD ["cat", "/built"]\n`);
    const built = daemon.docker(['build', '-t', 'classic', folder], { env: { DOCKER_BUILDKIT: '0' } });
    assert.equal(built.status, 0, built.stderr);
    assert.match(built.stdout, /Successfully tagged classic/);
    assert.equal(daemon.dockerOk('run', '--rm', 'classic'), 'classic\n');
  });
});
