import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BUSYBOX, importBusybox } from '../support/busybox.ts';
import { damagedBlobs, leftIngests } from '../support/store-check.ts';
import { TestDaemon, daemonSkipReason } from '../support/test-daemon.ts';

const skip = daemonSkipReason() ?? false;

/** When the daemon is killed after the command began. */
const MOMENTS_MS = [80, 180, 300, 500];

function makeTree(folder: string): void {
  for (let i = 0; i < 600; i++) {
    const directory = join(folder, `d${i % 30}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `f${i}`), `${i}\n`.repeat(500 + (i % 1000)));
  }
}

describe('SIGKILL of the daemon while it exports, imports or prunes build cache', { skip }, () => {
  let daemon: TestDaemon;
  let folder: string;
  let cache: string;
  let context: string;
  before(async () => {
    folder = mkdtempSync('/var/tmp/lading-cache-crash-');
    daemon = await TestDaemon.start();
    importBusybox(daemon);
    context = join(folder, 'context');
    makeTree(join(context, 'tree'));
    const lines = [
      `FROM ${BUSYBOX}`,
      'COPY tree /tree',
      'RUN cp -r /tree /copy',
      'RUN --mount=type=cache,id=mount,target=/c cp -r /tree /c/ && echo done > /done',
    ];
    writeFileSync(join(context, 'Dockerfile'), lines.join('\n'));
    cache = join(folder, 'cache');
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    if (folder) rmSync(folder, { recursive: true });
  });

  const exporting = (dest: string): string[] => [
    'build',
    '-t',
    'tree:1',
    '--cache-to',
    `type=local,dest=${dest},mode=max`,
    context,
  ];
  const importing = (): string[] => ['build', '-t', 'tree:1', '--cache-from', `type=local,src=${cache}`, context];
  const forget = (): void => {
    daemon.lading(['rmi', '-f', 'tree:1']);
    daemon.lading(['builder', 'prune', '-af']);
  };

  async function interrupted(args: readonly string[], afterMs: number): Promise<void> {
    const command = daemon.spawnLading(args);
    const ended = new Promise((resolve) => command.once('exit', resolve));
    await sleep(afterMs);
    await daemon.kill9();
    await ended;
    await daemon.up();
  }

  /** After every crash: the store is whole, and the image can be built and run. */
  async function check(): Promise<void> {
    assert.deepEqual(await damagedBlobs(daemon.dataRoot), []);
    assert.deepEqual(leftIngests(daemon.dataRoot), []);
    assert.deepEqual(daemon.mounts(), []);
    daemon.ok('builder', 'du');
    daemon.ok('build', '-t', 'tree:1', context);
    assert.equal(daemon.ok('run', '--rm', 'tree:1', 'cat', '/done'), 'done\n');
    assert.equal(daemon.ok('run', '--rm', 'tree:1', 'sh', '-c', 'ls /copy/d7 | wc -l').trim(), '20');
  }

  test('an export that was cut off leaves a folder that a later export completes', async () => {
    for (const moment of MOMENTS_MS) {
      const dest = join(folder, `cut-${moment}`);
      await interrupted(exporting(dest), moment);
      await check();
      daemon.ok(...exporting(dest));
      forget();
      const imported = daemon.lading([
        'build',
        '--progress',
        'plain',
        '--cache-from',
        `type=local,src=${dest}`,
        context,
      ]);
      assert.equal(imported.status, 0, imported.stderr);
      assert.match(imported.stderr, /RUN cp -r \/tree \/copy\n#\d+ CACHED/);
    }
    daemon.ok(...exporting(cache));
  });

  test('an import that was cut off is done again', async () => {
    for (const moment of MOMENTS_MS) {
      forget();
      await interrupted(importing(), moment);
      await check();
    }
  });

  test('a prune that was cut off can be done again, and frees everything', async () => {
    for (const moment of MOMENTS_MS.slice(0, 3)) {
      daemon.ok('build', '-t', 'tree:1', context);
      daemon.ok('rmi', 'tree:1');
      await interrupted(['builder', 'prune', '-af'], moment);
      await check();
    }
    forget();
    assert.match(daemon.ok('builder', 'du'), /Total:\s+0B/);
    assert.deepEqual(readdirSync(join(daemon.dataRoot, 'build/cache-mounts')), []);
  });

  test('an import of cache mounts that was cut off leaves the old ones', async () => {
    const tar = join(folder, 'mounts.tar');
    daemon.ok('build', '-t', 'tree:1', '--no-cache', context);
    daemon.ok('cache', 'mount', 'export', '--all', '-o', tar);
    for (const moment of MOMENTS_MS.slice(0, 3)) {
      await interrupted(['cache', 'mount', 'import', tar], moment);
      assert.equal(daemon.ok('cache', 'mount', 'ls', '--format', '{{.Name}}'), 'mount\n');
      daemon.ok('cache', 'mount', 'import', tar);
    }
  });
});
