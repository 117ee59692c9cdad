import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, openSync, closeSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { O, statxAt } from '../../sys/index.ts';
import { statOf } from './file-stat.ts';

test('statOf() reads what lstat reads: files, folders, links, devices, times before 1970', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lading-stat-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'file'), 'twelve bytes', { mode: 0o640 });
  utimesSync(join(dir, 'file'), -5.5, -5.5);
  symlinkSync('nowhere', join(dir, 'link'));
  const fd = openSync('/', O.RDONLY | O.DIRECTORY);
  t.after(() => closeSync(fd));
  for (const path of [join(dir, 'file'), join(dir, 'link'), dir, '/dev/null', '/proc/self/exe']) {
    const stat = statOf(statxAt(fd, path.slice(1))!);
    const expected = lstatSync(path, { bigint: true });
    assert.equal(stat.mode, Number(expected.mode) & 0o7777, path);
    assert.deepEqual(
      [stat.inode, BigInt(stat.size), stat.mtimeNs, stat.ctimeNs, stat.rdev, BigInt(stat.uid), BigInt(stat.links)],
      [expected.ino, expected.size, expected.mtimeNs, expected.ctimeNs, expected.rdev, expected.uid, expected.nlink],
      path,
    );
  }
  assert.equal(statOf(statxAt(fd, 'dev/null')!).type, 'char');
  assert.equal(statOf(statxAt(fd, join(dir, 'link').slice(1))!).type, 'symlink');
  assert.equal(statxAt(fd, 'nonexistent/x'), undefined);
  assert.equal(statxAt(fd, 'dev/null/x'), undefined);
});
