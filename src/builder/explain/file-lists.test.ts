import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FileList } from '../copy/digest-units.ts';
import { FileLists, listedFiles } from './file-lists.ts';

const DIGEST = 'ab'.repeat(32);
const list = (...lines: string[]): FileList => ({
  units: [
    { isFolder: true, name: 'src', parents: '', path: 'src', lines },
    { isFolder: false, name: 'one', parents: 'kept', path: 'real/one', lines: ['\0file 600 - - ffff\n'] },
  ],
  cut: false,
});
const LINES = [`a\0file 644 - - ${DIGEST}\n`, 'odd\nname\0symlink - 1:2 - to a\0place\n'];

test('FileLists gives back what it was given, digests shortened', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lading-file-lists-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const lists = new FileLists(join(dir, 'lists'));
  await lists.put(DIGEST, list(...LINES));
  const found = await lists.get(DIGEST);
  assert.deepEqual(found, listedFiles(list(...LINES)));
  assert.deepEqual([...found!.keys()], ['/', 'a', 'odd\nname', 'kept/one']);
  assert.deepEqual(found!.get('a'), {
    path: 'src/a',
    rel: 'a',
    type: 'file',
    mode: '644',
    owner: '-',
    time: '-',
    value: 'ab'.repeat(8),
  });
  assert.equal(found!.get('odd\nname')?.value, 'to a\0place');
  assert.equal(found!.get('kept/one')?.path, 'real/one');
});

test('FileLists knows nothing of lists that are missing, damaged or were cut', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lading-file-lists-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const lists = new FileLists(dir);
  assert.equal(await lists.get(DIGEST), undefined);
  assert.equal(await lists.get('../../etc/passwd'), undefined);
  writeFileSync(join(dir, DIGEST), 'no deflate');
  assert.equal(await lists.get(DIGEST), undefined);
  await lists.put('cd'.repeat(32), { ...list(), cut: true });
  assert.equal(await lists.get('cd'.repeat(32)), undefined);
});

test('FileLists keeps a bounded number', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lading-file-lists-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const lists = new FileLists(dir, { maxLists: 4, maxBytes: 1 << 20 });
  for (let i = 0; i < 9; i++) await lists.put(i.toString(16).padStart(64, '0'), list(...LINES));
  assert.equal(readdirSync(dir).length, 4);
});
