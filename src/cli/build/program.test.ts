import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { programFile } from './program-file.ts';
import { withProgram, type DescribedProgram } from './program.ts';

test('programFile() tells programs from Dockerfiles and folders', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lading-program-'));
  try {
    const file = join(folder, 'build.ts');
    writeFileSync(file, '');
    assert.deepEqual(programFile(file, undefined), { file, path: folder });
    assert.deepEqual(programFile(undefined, 'ci/build.mts'), { file: 'ci/build.mts', path: 'ci' });
    assert.deepEqual(programFile('.', 'build.cjs'), { file: 'build.cjs', path: '.' });
    for (const [path, flag] of [
      [folder, undefined],
      [join(folder, 'none.ts'), undefined],
      ['.', 'Dockerfile.ts'],
      ['.', 'docker/Dockerfile.web.js'],
      ['.', 'Containerfile.ts'],
      ['.', 'app.Dockerfile'],
      [undefined, undefined],
    ] as const)
      assert.equal(programFile(path, flag), undefined, `${path} ${flag}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const PROGRAM: DescribedProgram = {
  dockerfile: 'build.ts.Dockerfile',
  dockerfileText: 'FROM x AS stage0\nARG USED\nFROM stage0 AS app\n',
  ignoreText: undefined,
  contexts: { docs: '/docs', given: null },
  targets: { web: 'app' },
  wanted: null,
  argsRead: ['USED', 'READ'],
};
const SETTINGS = {
  dockerfile: 'Dockerfile',
  tags: [],
  buildArgs: { USED: '1', READ: '2', UNKNOWN: '3' },
  labels: {},
  noCache: false,
  pull: false,
};

test('withProgram() fills in what the program says, and flags win', () => {
  assert.throws(() => withProgram(SETTINGS, PROGRAM), {
    message: 'the program wants the context "given"',
    hint: 'add --build-context given=…',
  });
  const settings = withProgram({ ...SETTINGS, target: 'web', contexts: { given: '/g', docs: '/mine' } }, PROGRAM);
  assert.deepEqual(settings.contexts, { given: '/g', docs: '/mine' });
  assert.equal(settings.target, 'app');
  assert.deepEqual(settings.buildArgs, { USED: '1', UNKNOWN: '3' }, 'what only the program reads is not the builder’s');
  const wanted = withProgram({ ...SETTINGS, contexts: { given: '/g' } }, { ...PROGRAM, wanted: 'stage0' });
  assert.deepEqual([wanted.target, wanted.contexts?.['docs']], ['stage0', '/docs']);
});
