import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BUSYBOX, importBusybox } from '../support/busybox.ts';
import { damagedBlobs, leftIngests } from '../support/store-check.ts';
import { TestDaemon, daemonSkipReason } from '../support/test-daemon.ts';

const skip = daemonSkipReason() ?? false;
const DISK_MB = 96;
const MB = 1024 * 1024;

describe('a full disk', { skip }, () => {
  let folder: string;
  let disk: string;
  let daemon: TestDaemon;

  before(async () => {
    folder = mkdtempSync('/var/tmp/lading-full-');
    disk = join(folder, 'disk');
    mkdirSync(disk);
    assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tmpfs', disk]).status, 0);
    daemon = await TestDaemon.start({ dataRoot: join(disk, 'data') });
    importBusybox(daemon);
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    if (disk) spawnSync('umount', [disk]);
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  function freeMb(): number {
    const { bavail, bsize } = statfsSync(disk);
    return (bavail * bsize) / MB;
  }

  /** The command fails in one clear sentence; afterwards the space is back and what was there works. */
  async function failsCleanly(args: readonly string[], message: RegExp): Promise<void> {
    const before = freeMb();
    const outcome = daemon.lading(args);
    assert.notEqual(outcome.status, 0);
    assert.match(outcome.stderr + outcome.stdout, message);
    for (let attempt = 0; attempt < 100 && freeMb() < before - 4; attempt++) await sleep(50);
    assert.ok(freeMb() >= before - 4, `${before - freeMb()} MB were not given back`);
    assert.deepEqual(await damagedBlobs(daemon.dataRoot), []);
    assert.deepEqual(leftIngests(daemon.dataRoot), []);
    assert.equal(daemon.ok('run', '--rm', BUSYBOX, 'echo', 'intact'), 'intact\n');
  }

  test('during import: a clear error, no image, the space given back', async () => {
    mkdirSync(join(folder, 'big'));
    writeFileSync(join(folder, 'big/file'), Buffer.alloc((DISK_MB - 20) * MB, 1));
    const tar = join(folder, 'big.tar');
    assert.equal(spawnSync('tar', ['-C', join(folder, 'big'), '-cf', tar, '.']).status, 0);
    await failsCleanly(['import', tar, 'big:1'], /no space left on device/i);
    assert.equal(daemon.lading(['image', 'inspect', 'big:1']).status, 1);
  });

  test('during a build', async () => {
    const context = join(folder, 'context');
    mkdirSync(context);
    writeFileSync(join(context, 'file'), Buffer.alloc((DISK_MB - 20) * MB, 2));
    writeFileSync(join(context, 'Dockerfile'), `FROM ${BUSYBOX}\nCOPY file /file\nRUN cp /file /again\n`);
    await failsCleanly(['build', '-t', 'full', context], /no space left on device/i);
    assert.equal(daemon.lading(['image', 'inspect', 'full']).status, 1);
  });

  test('during commit', async () => {
    daemon.ok('run', '--name', 'filler', BUSYBOX, 'dd', 'if=/dev/zero', 'of=/fill', 'bs=1M', `count=${DISK_MB - 40}`);
    await failsCleanly(['commit', 'filler', 'filled:1'], /no space left on device/i);
    assert.equal(daemon.lading(['image', 'inspect', 'filled:1']).status, 1);
    daemon.ok('rm', 'filler');
  });
});
