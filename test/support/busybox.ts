import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestDaemon } from './test-daemon.ts';

export const BUSYBOX = 'busybox:test';

/** Why tests of the builder with a real runtime cannot run here, or false. */
export function builderSkipReason(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  return existsSync('/bin/busybox') ? false : 'needs the package busybox-static';
}

/** A root file system of busybox-static alone. */
export function makeBusyboxRoot(folder: string): void {
  for (const directory of ['bin', 'etc', 'tmp', 'root', 'proc', 'sys', 'dev', 'var'])
    mkdirSync(join(folder, directory), { recursive: true });
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path));
  if (busybox === undefined) throw new Error('busybox is not installed');
  copyFileSync(busybox, join(folder, 'bin/busybox'));
  for (const applet of spawnSync(busybox, ['--list'], { encoding: 'utf8' }).stdout.trim().split('\n'))
    if (applet !== 'busybox') symlinkSync('busybox', join(folder, 'bin', applet));
  writeFileSync(join(folder, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000::/tmp:/bin/sh\n');
  writeFileSync(join(folder, 'etc/group'), 'root:x:0:\nworker:x:1000:\n');
}

/** Imports busybox into a daemon under {@link BUSYBOX}. */
export function importBusybox(daemon: TestDaemon): void {
  const folder = mkdtempSync('/var/tmp/lading-busybox-');
  try {
    makeBusyboxRoot(join(folder, 'root'));
    const tar = join(folder, 'root.tar');
    const packed = spawnSync(
      'tar',
      ['--numeric-owner', '--owner=0', '--group=0', '-C', join(folder, 'root'), '-cf', tar, '.'],
      { encoding: 'utf8' },
    );
    if (packed.status !== 0) throw new Error(packed.stderr);
    daemon.ok('import', '--change', 'CMD ["sh"]', tar, BUSYBOX);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
