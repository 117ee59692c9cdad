import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { DockerfileError, parseDockerfile } from './index.ts';

const root = new URL('testdata/', import.meta.url);

for (const name of readdirSync(root).filter((entry) => existsSync(new URL(`${entry}/Dockerfile`, root)))) {
  test(`parseDockerfile() reads testdata/${name}`, () => {
    const { source: _, ...parsed } = parseDockerfile(readFileSync(new URL(`${name}/Dockerfile`, root)));
    const result = new URL(`${name}/result.json`, root);
    if (process.env.UPDATE_GOLDEN) writeFileSync(result, `${JSON.stringify(parsed, null, 1)}\n`);
    assert.deepEqual(JSON.parse(JSON.stringify(parsed)), JSON.parse(readFileSync(result, 'utf8')));
  });
}

const negative = new URL('testdata/negative/', import.meta.url);

for (const name of readdirSync(negative))
  test(`parseDockerfile() refuses testdata/negative/${name}`, () => {
    const shown = refusal(readFileSync(new URL(`${name}/Dockerfile`, negative)));
    const expected = new URL(`${name}/error.txt`, negative);
    if (process.env.UPDATE_GOLDEN) writeFileSync(expected, shown);
    assert.equal(shown, readFileSync(expected, 'utf8'));
  });

/** What a user sees. */
function refusal(source: Uint8Array): string {
  try {
    parseDockerfile(source);
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    return `${error.message}\n${error.renderSnippet()}hint: ${error.hint ?? ''}\n`;
  }
  return 'accepted\n';
}
