import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DockerfileError, expandInstruction, parseDockerfile } from './index.ts';

const PIECES = [
  'FROM|RUN|COPY|ADD|ENV|ARG|LABEL|ONBUILD|HEALTHCHECK|EXPOSE|VOLUME|SHELL|CMD|NONE|AS|FROM a\n'.split('|'),
  [' ', '\n', '\r\n', '\t', '\\', '\\\n', '`', '#', '# escape=`\n', '$', '${', '}', ':-', '#*', '//', '"', "'", '='],
  '<<EOF|<<-"X"|EOF|\nX\n|--|--from=|--mount=type=|cache|,|target=/x|["a"|]|a|x=1|/'.split('|'),
  ['안', '\u{1f433}', '\ud800', '\u0085', '\ufeff'],
].flat();

/** A small reproducible generator (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function check(source: string): void {
  try {
    const { stages, globalArgs, ...file } = parseDockerfile(source);
    const instructions = [...globalArgs, ...stages.flatMap((stage) => [stage.from, ...stage.instructions])];
    for (const instruction of instructions) expandInstruction(instruction, new Map([['a', '1']]), { ...file, file });
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    assert.equal(typeof error.renderSnippet(), 'string');
  }
}

test('parsing and expanding random text throws nothing but DockerfileError', () => {
  for (let seed = 1; seed <= 4000; seed++) {
    const random = generator(seed);
    const pick = () => PIECES[Math.floor(random() * PIECES.length)] ?? '';
    const source = (seed % 2 ? 'FROM a\n' : '') + Array.from({ length: 1 + Math.floor(random() * 30) }, pick).join('');
    try {
      check(source);
    } catch (error) {
      assert.fail(`seed ${seed}, ${JSON.stringify(source)}: ${String(error)}`);
    }
  }
});

test('large hostile files are parsed in linear time', () => {
  const million = 1_000_000;
  const lines = (line: string) => line.repeat(million / line.length);
  const files = [
    `FROM a\nRUN ${lines(`${' '.repeat(999)}\\\n`)}`,
    `FROM a\nRUN ${lines(`${'<'.repeat(999)}\\\n`)}x`,
    `FROM a\nRUN ${lines("'<<a\\\n")}`,
    `FROM a\nCOPY ${lines('<<a b\\\n')} x\n`,
    `FROM a\nENV ${lines('a=$a\\\n ')}`,
    `FROM a\nCMD ${'['.repeat(60_000)}`,
    `FROM a\n${lines('ONBUILD \\\n')}RUN x`,
    `# a=${' '.repeat(60_000)}x\nFROM a\n`,
    lines('FROM a\n'),
    lines('\n'),
  ];
  for (const source of files) {
    const start = performance.now();
    check(source);
    assert(performance.now() - start < 2000, `took ${performance.now() - start} ms: ${source.slice(0, 20)}`);
  }
});
