import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseDockerfile } from './index.ts';

const root = new URL('testdata/', import.meta.url);

for (const name of readdirSync(root).filter((entry) => existsSync(new URL(`${entry}/Dockerfile`, root)))) {
  test(`parseDockerfile() reads testdata/${name}`, () => {
    const { source: _, ...parsed } = parseDockerfile(readFileSync(new URL(`${name}/Dockerfile`, root)));
    const result = new URL(`${name}/result.json`, root);
    if (process.env.UPDATE_GOLDEN) writeFileSync(result, `${JSON.stringify(parsed, null, 1)}\n`);
    assert.deepEqual(JSON.parse(JSON.stringify(parsed)), JSON.parse(readFileSync(result, 'utf8')));
  });
}
