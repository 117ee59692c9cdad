import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ROUTES, ROUTES_BY_RESOURCE } from './router/routes.ts';

const DOCUMENT = readFileSync(new URL('../../docs/api-compat.md', import.meta.url), 'utf8');

function rows(): string[] {
  return DOCUMENT.split('\n').filter((line) => line.startsWith('| `'));
}

test('docs/api-compat.md has a row for every route, and no other', () => {
  const expected = ROUTES.map(
    ({ method, path, minVersion, summary }) => `| \`${method} ${path}\` | ${minVersion ?? ''} | ${summary} |`,
  );
  assert.deepEqual(rows().toSorted(), expected.toSorted());
});

test('docs/api-compat.md has a section for every resource', () => {
  for (const resource of Object.keys(ROUTES_BY_RESOURCE)) assert.ok(DOCUMENT.includes(`\n## ${resource}\n`), resource);
});

test('routes are listed once', () => {
  const names = ROUTES.map(({ method, path }) => `${method} ${path}`);
  assert.equal(new Set(names).size, names.length);
});
