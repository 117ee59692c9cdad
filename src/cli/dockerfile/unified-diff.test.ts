import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { unifiedDiff } from './unified-diff.ts';

test('unifiedDiff() shows changes with three lines around them', () => {
  const before = Array.from({ length: 20 }, (_, i) => `${i + 1}\n`).join('');
  const after = before.replace('2\n', 'two\n').replace('16\n', '').replace('20\n', '20');
  assert.equal(
    unifiedDiff(before, after, 'f'),
    [
      '--- f\n+++ f\n@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n',
      '@@ -13,8 +13,7 @@\n 13\n 14\n 15\n-16\n 17\n 18\n 19\n-20\n+20\n\\ No newline at end of file\n',
    ].join(''),
  );
  assert.equal(unifiedDiff('a', 'a', 'f'), '');
});

test('patch applies what unifiedDiff() prints', (t) => {
  if (spawnSync('patch', ['--version']).status !== 0) return t.skip('needs patch');
  const dir = mkdtempSync(join(tmpdir(), 'lading-diff-'));
  t.after(() => rmSync(dir, { recursive: true }));
  let seed = 7;
  const next = (below: number): number => (seed = (seed * 16_807) % 2_147_483_647) % below;
  for (let round = 0; round < 25; round++) {
    const lines = Array.from({ length: next(30) }, () => `${'abc'[next(3)]}\n`);
    const changed = lines.flatMap((line) => (next(5) === 0 ? [] : next(5) === 0 ? [line, 'new\n'] : [line]));
    const [before, after] = [lines.join(''), changed.join('').slice(0, next(2) === 0 ? undefined : -1)];
    if (before === after || before === '') continue;
    const file = join(dir, 'file');
    writeFileSync(file, before);
    const run = spawnSync('patch', ['-s', '--no-backup-if-mismatch', file], {
      input: unifiedDiff(before, after, 'file'),
    });
    assert.equal(run.status, 0, String(run.stdout));
    assert.equal(after === '' ? '' : readFileSync(file, 'utf8'), after);
  }
  return undefined;
});
