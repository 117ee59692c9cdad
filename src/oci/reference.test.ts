import assert from 'node:assert/strict';
import { test } from 'node:test';
import { familiarReference, formatReference, parseReference, withDefaultTag } from './reference.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

// What Docker makes of each (distribution/reference: ParseNormalizedNamed, FamiliarString).
const ROWS = [
  { text: 'alpine', canonical: 'docker.io/library/alpine:latest', familiar: 'alpine:latest' },
  { text: 'alpine:3.20', canonical: 'docker.io/library/alpine:3.20', familiar: 'alpine:3.20' },
  { text: 'user/app', canonical: 'docker.io/user/app:latest', familiar: 'user/app:latest' },
  { text: 'docker.io/library/alpine', canonical: 'docker.io/library/alpine:latest', familiar: 'alpine:latest' },
  { text: 'index.docker.io/alpine', canonical: 'docker.io/library/alpine:latest', familiar: 'alpine:latest' },
  { text: 'localhost/app', canonical: 'localhost/app:latest', familiar: 'localhost/app:latest' },
  { text: '127.0.0.1:5000/a/b:1', canonical: '127.0.0.1:5000/a/b:1', familiar: '127.0.0.1:5000/a/b:1' },
  { text: '[::1]:5000/a', canonical: '[::1]:5000/a:latest', familiar: '[::1]:5000/a:latest' },
  { text: `alpine@${DIGEST}`, canonical: `docker.io/library/alpine@${DIGEST}`, familiar: `alpine@${DIGEST}` },
];
for (const { text, canonical, familiar } of ROWS)
  test(`parseReference() reads ${text.slice(0, 40)}`, () => {
    const reference = withDefaultTag(parseReference(text));
    assert.equal(formatReference(reference), canonical);
    assert.equal(familiarReference(reference), familiar);
    assert.deepEqual(parseReference(canonical), reference);
  });

for (const text of [
  '',
  'UPPER',
  'a//b',
  'a:',
  'a@sha256:12',
  '-a',
  'a/../b',
  'a b',
  `${'a'.repeat(256)}`,
  'a'.repeat(64),
  'host:99x/a',
  'a:-tag',
])
  test(`parseReference() refuses "${text.slice(0, 20)}"`, () => {
    assert.throws(() => parseReference(text), /invalid reference format/);
  });
