import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LadingError } from '../errors/index.ts';
import {
  DockerfileError,
  IgnoreMatcher,
  checkAnswer,
  expandInstruction,
  expandWord,
  fixDockerfile,
  lintDockerfile,
  matchGlob,
  parseDockerfile,
  predefinedArgs,
  targetsAnswer,
} from './index.ts';

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
    const dockerfile = { ...file, stages, globalArgs };
    checkAnswer(dockerfile, lintDockerfile(dockerfile, FACTS));
    targetsAnswer(dockerfile);
    for (const instruction of instructions) expandInstruction(instruction, new Map([['a', '1']]), { ...file, file });
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    assert.equal(typeof error.renderSnippet(), 'string');
    assert(error.hint, `no hint: ${error.message}`);
    assert.equal(error.location === undefined, error.caret === undefined, error.message);
  }
}

const AMD64 = { os: 'linux', architecture: 'amd64' };
const FACTS = {
  predefined: predefinedArgs({ build: AMD64, target: AMD64, targetStage: 'default' }),
  given: new Map([['a', '1']]),
  target: AMD64,
  ignore: IgnoreMatcher.parse('x\n!y'),
  base: () => ({ env: new Map(), shell: false, onbuild: ['RUN $x', 'nonsense', 'COPY <<E /'] }),
};

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

test('fixing random text throws nothing but DockerfileError', () => {
  for (let seed = 1; seed <= 1500; seed++) {
    const random = generator(seed * 7);
    const pick = () => PIECES[Math.floor(random() * PIECES.length)] ?? '';
    const source = `FROM a\n${Array.from({ length: 1 + Math.floor(random() * 20) }, pick).join('')}`;
    try {
      const { source: fixed } = fixDockerfile(source);
      assert.equal(fixDockerfile(fixed).source, fixed, JSON.stringify(source));
    } catch (error) {
      if (!(error instanceof DockerfileError)) throw error;
    }
  }
});

const PATTERN_PIECES = [
  'a',
  'b',
  '/',
  '*',
  '**',
  '?',
  '[',
  ']',
  '^',
  '-',
  '\\',
  '!',
  '#',
  '.',
  '..',
  ' ',
  '\n',
  '안',
  '\ud800',
];

function randomText(pieces: readonly string[], seed: number, most: number): string {
  const random = generator(seed);
  const length = 1 + Math.floor(random() * most);
  return Array.from({ length }, () => pieces[Math.floor(random() * pieces.length)] ?? '').join('');
}

test('ignore rules and patterns throw nothing but invalid_argument', () => {
  const paths = ['a', 'a/b', 'b/a/a', '안', 'a.b', '..', '', '/', 'a/../b'];
  for (let seed = 1; seed <= 6000; seed++)
    for (const action of [
      () => {
        const matcher = IgnoreMatcher.parse(randomText(PATTERN_PIECES, seed, 25));
        for (const path of paths) {
          const [ignored, may] = [matcher.ignores(path), matcher.mayContainIncluded(path)];
          // What is not ignored is looked into.
          assert(ignored || may, `${seed} ${path}`);
          if (ignored) assert.equal(typeof matcher.patternFor(path), 'string', `${seed} ${path}`);
        }
      },
      () => paths.forEach((path) => matchGlob(randomText(PATTERN_PIECES, seed, 12), path)),
    ])
      try {
        action();
      } catch (error) {
        if (!(error instanceof LadingError) || error.code !== 'invalid_argument') throw error;
      }
});

test('a rule later in the file has the last word on files', () => {
  for (let seed = 1; seed <= 2000; seed++) {
    const text = randomText(['a', 'b', '/', '*', '\n', '!', '?'], seed, 12);
    try {
      assert.equal(IgnoreMatcher.parse(`${text}\n**`).ignores('a/b'), true, text);
      assert.equal(IgnoreMatcher.parse(`${text}\n!**`).ignores('a/b'), false, text);
    } catch (error) {
      if (!(error instanceof LadingError) || error.code !== 'invalid_argument') throw error;
    }
  }
});

test('expanding random words throws nothing but invalid_argument, and knows every name it looked up', () => {
  const pieces = [
    '$',
    '{',
    '}',
    ':',
    '-',
    '+',
    '?',
    '#',
    '%',
    '/',
    'a',
    'b',
    '*',
    '"',
    "'",
    '\\',
    '`',
    ' ',
    '<<',
    '한',
    '\ud800',
  ];
  const env = new Map([['a', 'x/y*z']]);
  for (let seed = 1; seed <= 20_000; seed++)
    try {
      const { value, used, unset } = expandWord(randomText(pieces, seed, 14), env, { escape: seed % 2 ? '\\' : '`' });
      assert.equal(typeof value, 'string');
      assert(![...used].some((name) => unset.has(name)));
    } catch (error) {
      if (!(error instanceof LadingError) || error.code !== 'invalid_argument') throw error;
    }
});

const MOST_PROCESSOR_US = 15e6;

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
    'FROM a AS b\n'.repeat(5000),
    Array.from({ length: 5000 }, (_, i) => `FROM s${i} AS s${i + 1}\n`).join(''),
    `FROM a\n${lines('CMD a\n')}`,
    `FROM a\n${lines('ARG a=$a\n')}`,
    lines('\n'),
  ];
  for (const source of files) {
    const start = process.cpuUsage();
    check(source);
    // Quadratic work would take minutes; processor time does not count what else the machine does.
    const { user } = process.cpuUsage(start);
    assert(user < MOST_PROCESSOR_US, `took ${user} µs of processor time: ${source.slice(0, 20)}`);
  }
});
