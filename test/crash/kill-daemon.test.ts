import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BUSYBOX, importBusybox } from '../support/busybox.ts';
import { startRegistry } from '../support/registry-process.ts';
import { damagedBlobs, leftIngests } from '../support/store-check.ts';
import { TestDaemon, daemonSkipReason } from '../support/test-daemon.ts';

const skip = daemonSkipReason() ?? false;

/** When the daemon is killed after the command began; spread over what the commands take here, denser where the work starts. */
const MOMENTS_MS = [40, 80, 120, 160, 200, 250, 300, 400, 550, 800];

/** A tree that takes some hundred milliseconds to read, hash and write. */
function makeTree(folder: string): void {
  for (let i = 0; i < 1500; i++) {
    const directory = join(folder, `d${i % 30}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `f${i}`), `${i}\n`.repeat(500 + (i % 1000)));
  }
}

describe('SIGKILL of the daemon at any moment leaves a store that opens again', { skip }, () => {
  let daemon: TestDaemon;
  let registry: Awaited<ReturnType<typeof startRegistry>>;
  let folder: string;
  let archive: string;
  let remote: string;

  before(async () => {
    folder = mkdtempSync('/var/tmp/lading-crash-');
    daemon = await TestDaemon.start();
    registry = await startRegistry(join(folder, 'registry'));
    importBusybox(daemon);
    makeTree(join(folder, 'context/tree'));
    writeFileSync(
      join(folder, 'context/Dockerfile'),
      `FROM ${BUSYBOX}\nCOPY tree /tree\nRUN cp -r /tree /copy\nRUN echo done > /done\n`,
    );
    daemon.ok('build', '-t', 'tree:1', join(folder, 'context'));
    archive = join(folder, 'tree.tar');
    daemon.ok('save', '-o', archive, 'tree:1');
    remote = `127.0.0.1:${registry.port}/tree:1`;
    daemon.ok('tag', 'tree:1', remote);
    daemon.ok('push', remote);
    forget();
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
    if (folder) rmSync(folder, { recursive: true });
  });

  function forget(): void {
    daemon.lading(['rmi', '-f', 'tree:1', remote, 'committed:1']);
    daemon.lading(['builder', 'prune', '-af']);
  }

  /** Runs a command, kills the daemon meanwhile, starts it again. Whether the command had reported success. */
  async function interrupted(args: readonly string[], afterMs: number): Promise<boolean> {
    const command = daemon.spawnLading(args);
    const status = new Promise<number | null>((resolve) => command.once('exit', resolve));
    await sleep(afterMs);
    await daemon.kill9();
    const succeeded = (await status) === 0;
    await daemon.up();
    return succeeded;
  }

  /** What must hold after every crash. `done`: the image was reported as done, so it has to be whole. */
  async function check(image: string, done: boolean): Promise<void> {
    assert.deepEqual(await damagedBlobs(daemon.dataRoot), []);
    assert.deepEqual(leftIngests(daemon.dataRoot), []);
    assert.deepEqual(daemon.mounts(), []);
    assert.equal(daemon.ok('run', '--rm', BUSYBOX, 'echo', 'intact'), 'intact\n');
    const present = daemon.lading(['image', 'inspect', image]).status === 0;
    if (done) assert.ok(present, `${image} was reported as done and is gone`);
    if (present)
      assert.equal(
        daemon.ok('run', '--rm', image, 'sh', '-c', 'find /tree /copy -type f | wc -l; cat /done'),
        '3000\ndone\n',
      );
  }

  for (const [name, args] of [
    ['pull', () => ['pull', remote]],
    ['load', () => ['load', '-i', archive]],
    ['build', () => ['build', '-t', 'tree:1', join(folder, 'context')]],
  ] as const)
    test(`during ${name}`, async () => {
      for (const moment of MOMENTS_MS) {
        const done = await interrupted(args(), moment);
        await check(name === 'pull' ? remote : 'tree:1', done);
        forget();
      }
    });

  test('during commit', async () => {
    daemon.ok('load', '-i', archive);
    daemon.ok('run', '--name', 'source', 'tree:1', 'sh', '-c', 'cp -r /tree /more');
    for (const moment of MOMENTS_MS) {
      const done = await interrupted(['commit', 'source', 'committed:1'], moment);
      await check('committed:1', done);
      daemon.lading(['rmi', '-f', 'committed:1']);
    }
    daemon.ok('rm', 'source');
    forget();
  });

  test('during rm', async () => {
    for (const moment of [5, 20, 40, 60, 80, 100, 150]) {
      daemon.ok('run', '-d', '--name', 'doomed', BUSYBOX, 'sleep', '100');
      await interrupted(['rm', '-f', 'doomed'], moment);
      daemon.lading(['rm', '-f', 'doomed']);
      assert.equal(daemon.ok('ps', '-aq'), '');
      assert.deepEqual(daemon.mounts(), []);
    }
  });
});
