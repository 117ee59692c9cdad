import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { expandWord, expandWords } from './expand.ts';

const ENV = new Map([
  ['PWD', '/home'],
  ['SHELL', 'bash'],
  ['KOREAN', '한국어'],
  ['NULL', ''],
  ['FILE', 'a/b/c.tar.gz'],
  ['STAR', 'a*c'],
]);
const OPTIONS = { escape: '\\' } as const;

test('expandWord() agrees with testdata/words.txt', () => {
  const lines = readFileSync(new URL('../testdata/words.txt', import.meta.url), 'utf8').split('\n');
  for (const line of lines.filter((text) => text !== '' && !text.startsWith('# '))) {
    const bar = line.lastIndexOf(' | ');
    const [word, expected] = [line.slice(0, bar), line.slice(bar + 3)];
    if (expected === 'error')
      assert.throws(() => expandWord(word, ENV, OPTIONS), { code: 'invalid_argument' }, `"${word}" should fail`);
    else assert.equal(expandWord(word, ENV, OPTIONS).value, expected, word);
  }
});

test('expandWords() splits what is not quoted, after expansion', () => {
  const env = new Map([['p', '80 81']]);
  const cases: [string, string[]][] = [
    ['$p', ['80', '81']],
    ['"$p"', ['80 81']],
    ['a\\ b  c', ['a b', 'c']],
    ['8${x:-0}', ['80']],
    ["'' a", ['a']],
  ];
  for (const [word, values] of cases) assert.deepEqual(expandWords(word, env, OPTIONS).values, values, word);
});

test('expandWord() reports which variables it used and which were unset', () => {
  const { used, unset } = expandWord('$PWD ${NONE:-$SHELL}', ENV, OPTIONS);
  assert.deepEqual([...used].sort(), ['PWD', 'SHELL']);
  assert.deepEqual([...unset], ['NONE']);
});

test('expandWord() gives the reason when a required variable is missing', () => {
  const message = 'failed to process "${NONE:?set it}": NONE: set it';
  assert.throws(() => expandWord('${NONE:?set it}', ENV, OPTIONS), { message });
});

test('expandWord() uses the backtick when it is the escape character', () => {
  assert.equal(expandWord('c:\\x`$PWD', ENV, { escape: '`' }).value, 'c:\\x$PWD');
});

test('expandWord() bounds depth, output and matching work', () => {
  const big = new Map([['x', 'a'.repeat(500_000)]]);
  for (const word of ['${a:-'.repeat(10_000), '$x$x$x', '${x//a/aaaaa}', `\${x//${'*b'.repeat(50)}/}`]) {
    assert.throws(() => expandWord(word, big, OPTIONS), { code: 'invalid_argument' }, word.slice(0, 20));
  }
});
