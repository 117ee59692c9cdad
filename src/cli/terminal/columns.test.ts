import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitColumns } from './columns.ts';

test('fitColumns() counts columns of a terminal, not characters', () => {
  for (const [text, columns, shown] of [
    ['plain', 8, 'plain   '],
    ['plain text', 6, 'plain…'],
    ['日本語', 8, '日本語  '],
    ['日本語', 6, '日本語'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日… '],
    ['ünï', 4, 'ünï '],
    ['e\u0301a', 3, 'e\u0301a '],
    ['🚀 go', 6, '🚀 go '],
    ['🚀🚀', 3, '🚀…'],
    ['𝒙𝒚𝒛', 2, '𝒙…'],
  ] as const)
    assert.equal(fitColumns(text, columns), shown, text);
});
