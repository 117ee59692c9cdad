import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DockerfileError, expandInstruction, parseDockerfile, parseInstruction, type Instruction } from '../index.ts';

const ENV = new Map([
  ['A', 'one two'],
  ['D', '/data'],
  ['PORT', '80'],
]);

function expand(text: string, overrides = new Map<string, string>()) {
  return expandInstruction(parseInstruction(text), ENV, { escape: '\\', overrides });
}

/** Instruction, fields that change, variables used. */
const CASES: [string, Partial<Instruction>, string[]][] = [
  ['COPY --chown=$A $D/x "$A" $D/', { chown: 'one two', sources: ['/data/x', 'one two'], dest: '/data/' }, ['A', 'D']],
  ['ADD --checksum=$D a b', { checksum: '/data' } as Partial<Instruction>, ['D']],
  [
    'ENV A=x B="$A" C=$A',
    {
      pairs: [
        { key: 'A', value: 'x' },
        { key: 'B', value: 'one two' },
        { key: 'C', value: 'one two' },
      ],
    },
    ['A'],
  ],
  ['LABEL "a b"=\'$A\'', { pairs: [{ key: 'a b', value: '$A' }] }, []],
  ['EXPOSE $PORT/tcp 90', { ports: ['80/tcp', '90'] }, ['PORT']],
  ['EXPOSE $A', { ports: ['one', 'two'] }, ['A']],
  ['WORKDIR $D', { path: '/data' }, ['D']],
  ['VOLUME ["$D", "x"]', { volumes: ['/data', 'x'] }, ['D']],
  [
    'ARG X=$D Y=$X',
    {
      args: [
        { key: 'X', default: '/data' },
        { key: 'Y', default: '/data' },
      ],
    } as Partial<Instruction>,
    ['D', 'X'],
  ],
  ['RUN echo $A', { args: ['echo $A'] } as Partial<Instruction>, []],
  ['CMD ["$A"]', { args: ['$A'] } as Partial<Instruction>, []],
];

for (const [text, expected, used] of CASES) {
  test(`expandInstruction() expands ${text}`, () => {
    const result = expand(text);
    assert.partialDeepStrictEqual(result.instruction, expected);
    assert.deepEqual([...result.used].sort(), used);
  });
}

test('expandInstruction() lets a build argument win over an ARG default', () => {
  const { instruction } = expand('ARG X=${NONE?} Y=$X', new Map([['X', 'given']]));
  assert(instruction.kind === 'arg');
  assert.deepEqual(
    instruction.args.map((arg) => arg.default),
    ['given', 'given'],
  );
});

test('expandInstruction() expands here-documents of COPY unless the name was quoted', () => {
  const { instruction } = expand('COPY <<a <<"b" /x\n"$D" \\$D\na\n$D\nb\n');
  assert(instruction.kind === 'copy');
  assert.deepEqual(
    instruction.heredocs.map((file) => file.content),
    ['"/data" $D\n', '$D\n'],
  );
});

test('expandInstruction() completes mounts that hold variables', () => {
  const run = parseInstruction('RUN --mount=type=cache,id=$A,target=$D,uid=$PORT make');
  assert(run.kind === 'run');
  assert.deepEqual(run.mounts, [{ type: 'cache', readOnly: false, required: false }]);
  const { instruction, used } = expandInstruction(run, ENV, { escape: '\\' });
  assert.deepEqual(instruction.mounts, [
    { type: 'cache', id: 'one two', target: '/data', uid: 80, readOnly: false, required: false },
  ]);
  assert.deepEqual([...used].sort(), ['A', 'D', 'PORT']);
});

test('expandInstruction() fails with the place of the instruction', () => {
  assert.throws(() => expand('WORKDIR ${X?}'), DockerfileError);
  assert.throws(() => expand('RUN --mount=type=cache,uid=$D make'), /line 1: invalid value \/data for uid/);
});

test('expandInstruction() says which ARG a FROM misses', () => {
  const refuse = (text: string, env: ReadonlyMap<string, string>): DockerfileError => {
    const [stage] = parseDockerfile(text).stages;
    try {
      expandInstruction(stage!.from, env, { escape: '\\', file: { filename: 'Dockerfile', source: text } });
    } catch (error) {
      if (error instanceof DockerfileError) return error;
      throw error;
    }
    return assert.fail('nothing was thrown');
  };
  const blank = refuse('FROM $base', new Map());
  assert.equal(blank.reason, 'base name ($base) should not be blank');
  assert.equal(
    blank.hint,
    'declare base with ARG before the first FROM, and give it a value with --build-arg or a default',
  );
  assert.deepEqual(blank.caret, { line: 1, column: 6, length: 5 });
  assert.equal(
    refuse('FROM $base', new Map([['base', '']])).hint,
    'give the ARG a value with --build-arg, or a default',
  );
  assert.equal(
    refuse('FROM --platform=$TARGETPLATFOM a', new Map([['TARGETPLATFORM', 'x']])).reason,
    'empty platform value from expression $TARGETPLATFOM (did you mean TARGETPLATFORM?)',
  );
});
