import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync, appendFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BUSYBOX, importBusybox } from '../support/busybox.ts';
import { startRegistry } from '../support/registry-process.ts';
import { TestDaemon, daemonSkipReason } from '../support/test-daemon.ts';

const skip = daemonSkipReason() ?? false;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

async function fetchText(url: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await (await fetch(url, { signal: AbortSignal.timeout(2000) })).text();
    } catch (error) {
      if (attempt > 100) throw error;
      await sleep(50);
    }
  }
}

describe('the main job: build, run, ship', { skip }, () => {
  let daemon: TestDaemon;
  let folder: string;

  before(async () => {
    daemon = await TestDaemon.start();
    importBusybox(daemon);
    folder = mkdtempSync('/var/tmp/lading-main-job-');
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    if (folder) rmSync(folder, { recursive: true });
  });

  test('an image built from a Dockerfile answers HTTP, goes through a registry, and answers again', async () => {
    const context = join(folder, 'web');
    mkdirSync(context);
    writeFileSync(join(context, 'index.html'), 'hello from lading\n');
    writeFileSync(
      join(context, 'Dockerfile'),
      `FROM ${BUSYBOX}\nWORKDIR /srv/www\nCOPY index.html ./\nRUN echo built > built.txt\nEXPOSE 8080\nCMD ["httpd", "-f", "-p", "8080"]\n`,
    );
    daemon.ok('build', '-t', 'web', context);
    const port = await freePort();
    daemon.ok('run', '-d', '--name', 'web', '-p', `127.0.0.1:${port}:8080`, 'web');
    assert.equal(await fetchText(`http://127.0.0.1:${port}/`), 'hello from lading\n');
    assert.equal(await fetchText(`http://127.0.0.1:${port}/built.txt`), 'built\n');
    await using registry = await startRegistry(join(folder, 'registry'));
    const remote = `127.0.0.1:${registry.port}/web:1`;
    daemon.ok('tag', 'web', remote);
    daemon.ok('push', remote);
    daemon.ok('rm', '-f', 'web');
    daemon.ok('rmi', remote, 'web');
    assert.equal(daemon.lading(['image', 'inspect', remote]).status, 1);
    daemon.ok('pull', remote);
    daemon.ok('run', '-d', '--name', 'web', '-p', `127.0.0.1:${port}:8080`, remote);
    assert.equal(await fetchText(`http://127.0.0.1:${port}/built.txt`), 'built\n');
    daemon.ok('rm', '-f', 'web');
  });

  test('an unchanged step is never run again; a changed file invalidates its COPY and what follows, nothing before', () => {
    const context = join(folder, 'cache');
    mkdirSync(context);
    writeFileSync(join(context, 'a.txt'), 'a');
    writeFileSync(join(context, 'b.txt'), 'b');
    writeFileSync(
      join(context, 'Dockerfile'),
      `FROM ${BUSYBOX}\nRUN cat /proc/sys/kernel/random/uuid > /first\nCOPY a.txt /\nRUN cat /proc/sys/kernel/random/uuid > /second\nCOPY b.txt /\nRUN cat /proc/sys/kernel/random/uuid > /third\n`,
    );
    const build = (): string[] => {
      daemon.ok('build', '-q', '-t', 'cached', context);
      return daemon.ok('run', '--rm', 'cached', 'cat', '/first', '/second', '/third').trim().split('\n');
    };
    const first = build();
    assert.deepEqual(build(), first);
    appendFileSync(join(context, 'b.txt'), '!');
    const second = build();
    assert.deepEqual(second.slice(0, 2), first.slice(0, 2));
    assert.notEqual(second[2], first[2]);
    appendFileSync(join(context, 'a.txt'), '!');
    const third = build();
    assert.equal(third[0], first[0]);
    assert.notEqual(third[1], second[1]);
    assert.notEqual(third[2], second[2]);
  });

  test('the interactive way: run, change, commit, run the result', () => {
    const outcome = daemon.lading(['run', '-i', '--name', 'change', BUSYBOX, 'sh'], {
      input: 'echo changed > /note\nrm /etc/group\nexit 0\n',
    });
    assert.equal(outcome.status, 0, outcome.stderr);
    assert.deepEqual(daemon.ok('diff', 'change').trim().split('\n').sort(), ['A /note', 'C /etc', 'D /etc/group']);
    daemon.ok('commit', '-c', 'CMD ["cat", "/note"]', 'change', 'changed:1');
    daemon.ok('rm', 'change');
    assert.equal(daemon.ok('run', '--rm', 'changed:1'), 'changed\n');
    assert.equal(daemon.lading(['run', '--rm', 'changed:1', 'test', '-e', '/etc/group']).status, 1);
  });

  test("exit codes are Docker's", () => {
    const status = (...args: string[]): number => daemon.lading(['run', '--rm', ...args]).status;
    assert.equal(status(BUSYBOX, 'sh', '-c', 'exit 3'), 3);
    assert.equal(status(BUSYBOX, 'sh', '-c', 'sh -c "kill -9 \\$\\$"; exit $?'), 137);
    assert.equal(status(BUSYBOX, 'no-such-program'), 127);
    assert.equal(status(BUSYBOX, '/etc/passwd'), 126);
    assert.equal(status('--no-such-flag', BUSYBOX), 125);
    assert.equal(daemon.ok('ps', '-aq'), '');
  });

  test('save and load carry an image over, with its name, id and content', async () => {
    const file = join(folder, 'saved.tar');
    daemon.ok('save', '-o', file, BUSYBOX);
    const id = daemon.ok('image', 'inspect', '--format', '{{.Id}}', BUSYBOX);
    await using other = await TestDaemon.start();
    assert.match(other.ok('load', '-i', file), /Loaded image: busybox:test/);
    assert.equal(other.ok('image', 'inspect', '--format', '{{.Id}}', BUSYBOX), id);
    assert.equal(other.ok('run', '--rm', BUSYBOX, 'echo', 'loaded'), 'loaded\n');
  });

  test('a container keeps running, with its log and exit code, when the daemon is killed', async () => {
    daemon.ok(
      'run',
      '-d',
      '--name',
      'survivor',
      BUSYBOX,
      'sh',
      '-c',
      'i=0; while [ ! -e /stop ]; do echo $i; i=$((i+1)); sleep 0.1; done; exit 7',
    );
    const pid = Number(daemon.ok('inspect', '--format', '{{.State.Pid}}', 'survivor'));
    await daemon.kill9();
    await sleep(500);
    process.kill(pid, 0);
    await daemon.up();
    assert.match(daemon.ok('ps', '--format', '{{.Names}} {{.Status}}'), /survivor Up/);
    daemon.ok('exec', 'survivor', 'touch', '/stop');
    assert.equal(daemon.ok('wait', 'survivor').trim(), '7');
    const numbers = daemon.ok('logs', 'survivor').trim().split('\n').map(Number);
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => i),
    );
    assert.ok(numbers.length > 5);
    daemon.ok('rm', 'survivor');
  });

  test('a container that ends while the daemon is down is found ended, with its code', async () => {
    daemon.ok('run', '-d', '--name', 'short', BUSYBOX, 'sh', '-c', 'sleep 0.5; exit 5');
    await daemon.kill9();
    await sleep(1000);
    await daemon.up();
    assert.equal(daemon.ok('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'short').trim(), 'exited 5');
    daemon.ok('rm', 'short');
    assert.deepEqual(daemon.mounts(), []);
  });

  test('cp brings files in and out of a stopped container', () => {
    daemon.ok('create', '--name', 'files', BUSYBOX);
    writeFileSync(join(folder, 'in.txt'), 'content\n');
    daemon.ok('cp', join(folder, 'in.txt'), 'files:/root/renamed.txt');
    daemon.ok('cp', 'files:/root/renamed.txt', join(folder, 'out.txt'));
    assert.equal(readFileSync(join(folder, 'out.txt'), 'utf8'), 'content\n');
    daemon.ok('rm', 'files');
  });

  test('cp reaches into the volumes and binds of a stopped container', () => {
    const bound = join(folder, 'bound.txt');
    writeFileSync(bound, 'bound\n');
    const mounts = ['-v', 'cp-data:/data', '-v', 'cp-ro:/locked:ro', '-v', `${bound}:/etc/bound.txt:ro`];
    daemon.ok('create', '--name', 'stopped', '--read-only', ...mounts, BUSYBOX);
    writeFileSync(join(folder, 'for-volume.txt'), 'kept\n');
    daemon.ok('cp', join(folder, 'for-volume.txt'), 'stopped:/data');
    assert.equal(daemon.ok('run', '--rm', '-v', 'cp-data:/mnt', BUSYBOX, 'cat', '/mnt/for-volume.txt'), 'kept\n');
    daemon.ok('cp', 'stopped:/data', join(folder, 'data-out'));
    assert.equal(readFileSync(join(folder, 'data-out', 'for-volume.txt'), 'utf8'), 'kept\n');
    daemon.ok('cp', 'stopped:/etc/bound.txt', join(folder, 'bound-out.txt'));
    assert.equal(readFileSync(join(folder, 'bound-out.txt'), 'utf8'), 'bound\n');
    for (const place of ['/locked', '/root']) {
      const outcome = daemon.lading(['cp', join(folder, 'for-volume.txt'), `stopped:${place}`]);
      assert.notEqual(outcome.status, 0);
      assert.match(outcome.stderr, /marked read-only/);
    }
    daemon.ok('rm', 'stopped');
    daemon.ok('volume', 'rm', 'cp-data', 'cp-ro');
    assert.deepEqual(daemon.mounts(), []);
  });

  test("volumes keep what a container wrote, and take over the image's content at first use", () => {
    daemon.ok('run', '--rm', '-v', 'kept:/etc', BUSYBOX, 'sh', '-c', 'echo more > /etc/more');
    assert.match(
      daemon.ok('run', '--rm', '-v', 'kept:/mnt', BUSYBOX, 'cat', '/mnt/passwd', '/mnt/more'),
      /root:x:0:0[^]*more\n$/,
    );
    daemon.ok('volume', 'rm', 'kept');
  });
});
