import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  expandInstruction,
  lintDockerfile,
  parseDockerfile,
  predefinedArgs,
  type EnvInstruction,
  type LabelInstruction,
} from '../index.ts';
import { inOrder } from '../lint/spelling-checks.ts';
import { fixDockerfile } from './fix-dockerfile.ts';
import { LogicalLine } from './logical-line.ts';

/** Before and after; the same text twice where nothing may be edited. */
const CASES: [name: string, before: string, after: string][] = [
  ['stage names and AS', 'FROM a as Base\nfrom b AS x\nFROM c\n', 'FROM a AS base\nFROM b AS x\nFROM c\n'],
  ['instruction casing follows the majority', 'from a as X\nRun b\nrun c\n', 'from a as x\nrun b\nrun c\n'],
  ['empty continuation lines', 'FROM a\nRUN a \\\n\n \t\n  # kept\n\n b\n', 'FROM a\nRUN a \\\n  # kept\n b\n'],
  [
    'MAINTAINER',
    'FROM a\nMAINTAINER A "B" $C <d\\e>\n',
    'FROM a\nLABEL org.opencontainers.image.authors="A \\"B\\" \\$C <d\\\\e>"\n',
  ],
  ['maintainer in lower case', 'from a\nmaintainer x\n', 'from a\nlabel org.opencontainers.image.authors="x"\n'],
  ['legacy ENV', 'FROM a\nENV a b\nENV c  d   e $f\nENV q "x y"\n', 'FROM a\nENV a=b\nENV c="d   e $f"\nENV q="x y"\n'],
  ['legacy with quotes inside', "FROM a\nENV a b 'c d' e\n", "FROM a\nENV a=b\\ 'c d'\\ e\n"],
  ['legacy over several lines', 'FROM a\nLABEL a \\\n  b \\\n  c\n', 'FROM a\nLABEL a="b \\\n  c"\n'],
  [
    'legacy with the backtick as escape',
    "# escape=`\nFROM a\nENV a c:\\x 'y'\n",
    "# escape=`\nFROM a\nENV a=c:\\x` 'y'\n",
  ],
  ['legacy that cannot be written', 'FROM a\nLABEL "a b" c\n', 'FROM a\nLABEL "a b" c\n'],
  ['JSON form', 'FROM a\nCMD node  server.js --x="a b" \'c\'\n', 'FROM a\nCMD ["node", "server.js", "--x=a b", "c"]\n'],
  ['JSON form over several lines', 'FROM a\nCMD a \\\n  b\n', 'FROM a\nCMD ["a", "b"]\n'],
  ['JSON form drops exec', 'FROM a\nENTRYPOINT exec a b\n', 'FROM a\nENTRYPOINT ["a", "b"]\n'],
  ['comments inside a command', 'FROM a\nCMD a \\\n# c\n  b\n', 'FROM a\nCMD a \\\n# c\n  b\n'],
  ['what needs the shell', 'FROM a\nCMD a && b\n', 'FROM a\nCMD a && b\n'],
  ['variables in a command', 'FROM a\nCMD a $b\n', 'FROM a\nCMD a $b\n'],
  ['CMD with ENTRYPOINT', 'FROM a\nENTRYPOINT a\nCMD b\n', 'FROM a\nENTRYPOINT a\nCMD b\n'],
  [
    'CMD with the ENTRYPOINT of a base stage',
    'FROM a AS b\nENTRYPOINT ["x"]\nFROM b\nCMD c\n',
    'FROM a AS b\nENTRYPOINT ["x"]\nFROM b\nCMD c\n',
  ],
  ['relative WORKDIR from scratch', 'FROM scratch\nWORKDIR ./a\nWORKDIR b\n', 'FROM scratch\nWORKDIR /a\nWORKDIR b\n'],
  ['relative WORKDIR of an image', 'FROM a\nWORKDIR b\n', 'FROM a\nWORKDIR b\n'],
  [
    'EXPOSE',
    'FROM a\nEXPOSE 80/TCP 127.0.0.1:1:90/Udp 22 \\\n 33/tcp\n',
    'FROM a\nEXPOSE 80/tcp 90/udp 22 \\\n 33/tcp\n',
  ],
  ['redundant platform', 'FROM --platform=$TARGETPLATFORM a AS b\n', 'FROM a AS b\n'],
  ['constant platform stays', 'FROM --platform=linux/s390x a AS b\n', 'FROM --platform=linux/s390x a AS b\n'],
  [
    'checks that are skipped',
    '# check=skip=MaintainerDeprecated\nFROM a\nMAINTAINER x\n',
    '# check=skip=MaintainerDeprecated\nFROM a\nMAINTAINER x\n',
  ],
  [
    'line ends, marks and what has no line break',
    '\ufeffFROM a\r\nENV a b\r\nRUN x \\\r\n\r\n y\r\nCMD z',
    '\ufeffFROM a\r\nENV a=b\r\nRUN x \\\r\n y\r\nCMD ["z"]',
  ],
  [
    'here-documents',
    'FROM a\nRun <<EOF\nENV a b\n\nMAINTAINER x\nEOF\nCOPY <<E /x\nCMD x\nE\n',
    'FROM a\nRUN <<EOF\nENV a b\n\nMAINTAINER x\nEOF\nCOPY <<E /x\nCMD x\nE\n',
  ],
  [
    'several in one line',
    'from a As Base\nENV x y\nRUN z\nmaintainer q\n',
    'FROM a AS base\nENV x=y\nRUN z\nLABEL org.opencontainers.image.authors="q"\n',
  ],
];

for (const [name, before, after] of CASES)
  test(`fixDockerfile(): ${name}`, () => {
    assert.equal(fixDockerfile(before).source, after);
    assert.equal(fixDockerfile(after).source, after);
  });

test('fixDockerfile() tells what it did, and what it left and why', () => {
  const { fixed, left } = fixDockerfile('FROM a\nMAINTAINER x\nCMD a | b\nENV TOKEN=1\n');
  assert.deepEqual(fixed, [
    { rule: 'MaintainerDeprecated', line: 2, message: 'Maintainer instruction is deprecated in favor of using label' },
  ]);
  assert.deepEqual(
    left.map(({ rule, line, why }) => [rule, line, why]),
    [
      [
        'JSONArgsRecommended',
        3,
        'it needs the shell for "|": write ["/bin/sh", "-c", "…"] if a shell is wanted, or a script',
      ],
      ['SecretsUsedInArgOrEnv', 4, 'hand it to the step that needs it: RUN --mount=type=secret'],
    ],
  );
});

test('fixDockerfile() pins base images, not stages, and not names made of variables', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const text = 'ARG V=1\nFROM node:24 AS build\nFROM build\nFROM scratch\nFROM nginx:$V\nFROM gone\n';
  const pins = new Map([
    ['node:24', { digest }],
    ['gone', { why: 'not found' }],
  ]);
  const { source, fixed, left } = fixDockerfile(text, { pins });
  assert.equal(source, text.replace('node:24', `node:24@${digest}`));
  assert.deepEqual(
    fixed.map(({ rule, line }) => [rule, line]),
    [['Pin', 2]],
  );
  assert.deepEqual(
    left.filter(({ rule }) => rule === 'Pin').map(({ line, why }) => [line, why]),
    [
      [5, 'its name has variables: pin the default of the ARG'],
      [6, 'not found'],
    ],
  );
  assert.equal(fixDockerfile(source, { pins }).source, source);
});

const PIECES = [
  'FROM a AS X\n|from b\n|FROM --platform=$TARGETPLATFORM a as q\n|FROM scratch\n|MAINTAINER a "$b\n|ENV a b c\n'.split(
    '|',
  ),
  'label k \'v w\' x\n|ENV a \\\n\n b\n|CMD a b\n|ENTRYPOINT exec "x y"\n|Cmd a \\\n#c\n b\n|EXPOSE 80/TCP 1:2\n'.split(
    '|',
  ),
  'WORKDIR x\n|RUN <<E\nENV a b\nE\n|COPY <<-F /x\n\ty\n\tF\n|# escape=`\n|\r\n|RUN a \\  \n|\\\n|`\n|"|\'| |\t|#'.split(
    '|',
  ),
  '# check=skip=all\n|$x|=|ONBUILD CMD a\n|\u00a0|x|ENV "a b" c\n|LABEL x y\\ z \'$x\'\n'.split('|'),
].flat();

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

function randomDockerfiles(count: number): string[] {
  return Array.from({ length: count }, (_, seed) => {
    const next = random(seed + 1);
    const size = 1 + Math.floor(next() * 14);
    return `FROM a\n${Array.from({ length: size }, () => PIECES[Math.floor(next() * PIECES.length)] ?? '').join('')}`;
  }).filter((text) => parses(text));
}

function parses(text: string): boolean {
  try {
    return parseDockerfile(text).stages.length > 0;
  } catch {
    return false;
  }
}

const NEUTRAL = new Set(['location', 'original', 'comments', 'legacy', 'alias']);

const AUTHORS = 'org.opencontainers.image.authors';

function expandedPairs(instruction: EnvInstruction | LabelInstruction, text: string): unknown[] {
  const { escape } = parseDockerfile(text);
  try {
    const { pairs } = expandInstruction(instruction, new Map([['x', 'a "b\' c']]), { escape }).instruction;
    return pairs.map(({ key, value }) => [key, value]);
  } catch (error) {
    return [(error as Error).message.replace(/^.*: /, '')];
  }
}

/** What instructions mean, apart from what fixes are meant to change. */
function meaning(text: string): unknown[] {
  return inOrder(parseDockerfile(text)).map((instruction) => {
    const { kind } = instruction;
    if (instruction.kind === 'maintainer') return ['label', [AUTHORS, instruction.name]];
    if (instruction.kind === 'label' || instruction.kind === 'env') return [kind, ...expandedPairs(instruction, text)];
    if (kind === 'cmd' || kind === 'entrypoint' || kind === 'expose' || kind === 'workdir' || kind === 'from')
      return kind;
    return Object.fromEntries(Object.entries(instruction).filter(([key]) => !NEUTRAL.has(key)));
  });
}

test('whatever is fixed parses, means the same, and has nothing left to fix', () => {
  const files = randomDockerfiles(6000);
  assert(files.length > 1500, `only ${files.length} parse`);
  const facts = {
    predefined: predefinedArgs({ build: LINUX, target: LINUX, targetStage: 'default' }),
    given: new Map(),
    target: LINUX,
  };
  for (const text of files) {
    const { source, fixed } = fixDockerfile(text);
    const shown = JSON.stringify([text, source]);
    assert.deepEqual(meaning(source), meaning(text), shown);
    assert.equal(fixDockerfile(source).source, source, shown);
    if (fixed.length === 0) assert.equal(source, text, shown);
    assert(
      lintDockerfile(parseDockerfile(source), facts).length <= lintDockerfile(parseDockerfile(text), facts).length,
      shown,
    );
  }
});

const LINUX = { os: 'linux', architecture: 'amd64' };

test('LogicalLine.at() joins as the parser does, and knows where every character is', () => {
  for (const text of randomDockerfiles(3000)) {
    const dockerfile = parseDockerfile(text);
    for (const { original, location } of inOrder(dockerfile)) {
      const line = LogicalLine.at(text, location, dockerfile.escape);
      assert.equal(line.text, original, JSON.stringify(text));
      for (let at = 0; at < original.length; at++) {
        const place = line.place({ start: at, end: at + 1 })!;
        assert.equal(text.slice(place.start, place.end), original[at]);
      }
    }
  }
});
