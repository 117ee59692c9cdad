import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { matchGlob } from './glob.ts';
import { IgnoreMatcher } from './ignore-matcher.ts';

test('IgnoreMatcher agrees with testdata/ignore.txt', () => {
  const lines = readFileSync(new URL('../testdata/ignore.txt', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1);
  for (const line of lines) {
    const [rules = '', path = '', expected] = line.split(' | ');
    const matcher = IgnoreMatcher.parse(rules.replaceAll(',', '\r\n'));
    assert.equal(matcher.ignores(path) ? 'ignored' : 'kept', expected, line);
  }
});

test('IgnoreMatcher refuses bad patterns', () => {
  for (const text of ['!', '[a', 'a\\', '[]a]', '[a-]']) {
    assert.throws(() => IgnoreMatcher.parse(text), { code: 'invalid_argument' }, text);
  }
});

test('IgnoreMatcher.mayContainIncluded() skips a folder only when no rule can re-include below it', () => {
  const matcher = IgnoreMatcher.parse('*\n!src/a/*.ts\n');
  assert.equal(matcher.mayContainIncluded('src'), true);
  assert.equal(matcher.mayContainIncluded('src/a'), true);
  assert.equal(matcher.mayContainIncluded('src/b'), false);
  assert.equal(matcher.mayContainIncluded('lib'), false);
  assert.equal(IgnoreMatcher.parse('lib').mayContainIncluded('src'), true);
  assert.equal(IgnoreMatcher.parse('*\n!**/x').mayContainIncluded('any/where'), true);
});

test('matchGlob() has the semantics of filepath.Match', () => {
  // From the table of Go's path/filepath match_test.go documentation: pattern, name, result.
  const cases: [string, string, boolean][] = [
    ['abc', 'abc', true],
    ['*', 'abc', true],
    ['*c', 'abc', true],
    ['a*', 'a', true],
    ['a*/b', 'abc/b', true],
    ['a*/b', 'a/c/b', false],
    ['a*b*c*d*e*/f', 'axbxcxdxexxx/f', true],
    ['ab[c]', 'abc', true],
    ['ab[^b-d]', 'abc', false],
    ['a\\*b', 'a*b', true],
    ['a?b', 'a☺b', true],
    ['a[^a]b', 'a☺b', true],
    ['a?b', 'a/b', false],
    ['a**b', 'a/b', false],
    ['[\\]a]', ']', true],
  ];
  for (const [pattern, name, expected] of cases) assert.equal(matchGlob(pattern, name), expected, `${pattern} ${name}`);
  assert.throws(() => matchGlob('[', 'a'), { code: 'invalid_argument' });
});

test('matchGlob() stays linear on patterns that make backtracking explode', () => {
  assert.equal(matchGlob('*a'.repeat(100), `${'a'.repeat(2000)}b`), false);
});
