import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BUSYBOX, importBusybox } from '../support/busybox.ts';
import { startRegistry } from '../support/registry-process.ts';
import { TestDaemon, daemonSkipReason } from '../support/test-daemon.ts';

const skip = daemonSkipReason() ?? false;

/** What a user of the build cache types, against a daemon. */
describe('build cache on the command line', { skip }, () => {
  let daemon: TestDaemon;
  let folder: string;
  before(async () => {
    daemon = await TestDaemon.start({ flags: ['--build-cache-max-size', '50GB'] });
    importBusybox(daemon);
    folder = mkdtempSync('/var/tmp/lading-cache-cli-');
    const lines = [
      `FROM ${BUSYBOX}`,
      'RUN dd if=/dev/zero of=/big bs=1M count=2',
      'RUN --mount=type=cache,id=npm,target=/c dd if=/dev/zero of=/c/x bs=1M count=1',
    ];
    writeFileSync(join(folder, 'Dockerfile'), lines.join('\n'));
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    if (folder) rmSync(folder, { recursive: true });
  });

  test('cache mount ls, export, rm, import', () => {
    daemon.ok('build', '-t', 'cli:1', folder);
    assert.match(
      daemon.ok('cache', 'mount', 'ls'),
      /ID +NAME +NAMESPACE +SIZE +LAST USED +USES +IN USE\n[0-9a-f]{12} +npm +1\.0\d+MB /,
    );
    const mount = JSON.parse(daemon.ok('cache', 'mount', 'ls', '--format', 'json'));
    assert.deepEqual([mount.Name, mount.UsageCount, mount.InUse], ['npm', '1', 'false']);
    const tar = join(folder, 'mounts.tar');
    daemon.ok('cache', 'mount', 'export', 'npm', '-o', tar);
    assert.ok(statSync(tar).size > 1 << 20);
    assert.match(daemon.ok('cache', 'mount', 'rm', 'npm'), /^[0-9a-f]{32}\nTotal reclaimed space: 1\.0\d+MB\n$/);
    assert.match(daemon.lading(['cache', 'mount', 'rm', 'npm']).stderr, /No such cache mount: npm/);
    assert.match(daemon.ok('cache', 'mount', 'import', tar), /^[0-9a-f]{32} npm added\n$/);
    assert.match(
      daemon.lading(['cache', 'mount', 'import', join(folder, 'Dockerfile')]).stderr,
      /tar|archive|inventory/,
    );
    assert.match(daemon.lading(['cache', 'mount', 'rm']).stderr, /name cache mounts .*or give --all/);
    assert.match(daemon.lading(['cache', 'mount', '--help']).stdout, /Manage cache mounts[\s\S]*export[\s\S]*import/);
  });

  test('builder du and prune', () => {
    daemon.ok('rmi', 'cli:1');
    assert.match(
      daemon.ok('builder', 'du'),
      /exec\.cachemount +cached mount npm[\s\S]*Reclaimable: +5\.\d+MB\nTotal: +5\.\d+MB\n$/,
    );
    assert.match(
      daemon.ok('builder', 'du', '--verbose', '--filter', 'type=regular'),
      /Usage count: +1\nLast used: +\d{4}-/,
    );
    const dry = daemon.ok('builder', 'prune', '--dry-run', '--max-used-space', '2MB');
    assert.match(dry, /RUN dd if=\/dev\/zero of=\/big/);
    assert.match(dry, /Total that would be reclaimed: 5\.\d+MB/);
    assert.match(daemon.lading(['builder', 'prune'], { input: 'n\n' }).stdout, /Are you sure/);
    assert.match(
      daemon.ok('builder', 'prune', '--force', '--filter', 'type=regular'),
      /Total reclaimed space: 4\.\d+MB/,
    );
    assert.match(daemon.ok('builder', 'prune', '-af'), /npm[\s\S]*Total reclaimed space: 1\.0\d+MB/);
    assert.match(daemon.ok('builder', 'du'), /^Shared: +0B/);
    assert.match(daemon.lading(['builder', 'prune', '-f', '--filter', 'colour=red']).stderr, /invalid filter 'colour'/);
  });

  test('build --cache-to and --cache-from', async () => {
    await using registry = await startRegistry(join(folder, 'registry'));
    const ref = `127.0.0.1:${registry.port}/cli/cache`;
    daemon.ok('build', '-t', 'cli:1', '--cache-to', `type=registry,ref=${ref},mode=max`, folder);
    const id = daemon.ok('image', 'inspect', '--format', '{{.Id}}', 'cli:1');
    daemon.ok('rmi', 'cli:1');
    daemon.ok('builder', 'prune', '-af');
    const again = daemon.lading(['build', '--progress', 'plain', '-t', 'cli:1', '--cache-from', ref, folder]);
    assert.match(again.stderr, /RUN dd .*\n#\d+ CACHED[\s\S]*RUN --mount.*\n#\d+ CACHED/);
    assert.equal(daemon.ok('image', 'inspect', '--format', '{{.Id}}', 'cli:1'), id);
    assert.match(
      daemon.lading(['build', '--cache-to', 'type=s3,bucket=x', folder]).stderr,
      /caches of type "s3" are not supported/,
    );
  });
});
