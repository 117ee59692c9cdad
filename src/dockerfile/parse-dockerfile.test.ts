import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHANGE_KINDS, DockerfileError, parseDockerfile, parseInstruction, runCommand } from './index.ts';

const FROM = 'FROM a\n';

/** Source and the reason Docker gives for refusing it. */
const NEGATIVE: [source: string, message: string][] = [
  ['', 'the Dockerfile (Dockerfile) cannot be empty'],
  ['# only\n\n# comments\n', 'file with no instructions'],
  ['ARG A\n', 'dockerfile contains no stages to build'],
  ['RUN x\n', 'dockerfile parse error on line 1: no build stage in current context'],
  ['\n\nFORM alpine', 'dockerfile parse error on line 3: unknown instruction: FORM (did you mean FROM?)'],
  [`${FROM}rnu x`, 'dockerfile parse error on line 2: unknown instruction: rnu (did you mean run?)'],
  [`${FROM}__proto__ x`, 'dockerfile parse error on line 2: unknown instruction: __proto__'],
  ['FROM a b\n', 'dockerfile parse error on line 1: FROM requires either one or three arguments'],
  [
    'FROM a AS 1x',
    'dockerfile parse error on line 1: invalid name for build stage: "1x", name can\'t start with a number or contain symbols',
  ],
  [`${FROM}COPY --form=x a b`, 'dockerfile parse error on line 2: unknown flag: --form (did you mean from?)'],
  [`${FROM}COPY --from a b`, 'dockerfile parse error on line 2: missing a value on flag: --from'],
  [`${FROM}COPY --from=a --from=b a b`, 'dockerfile parse error on line 2: duplicate flag specified: --from'],
  [`${FROM}COPY --link=x a b`, 'dockerfile parse error on line 2: expecting boolean value for flag --link, not: x'],
  [
    `${FROM}COPY a`,
    'dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined',
  ],
  [
    `${FROM}COPY --from=$x a b`,
    'dockerfile parse error on line 2: variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround',
  ],
  [`${FROM}COPY a <<X\nX`, 'dockerfile parse error on line 2: COPY cannot accept a heredoc as a destination'],
  [`${FROM}RUN <<EOF\nx\n`, 'dockerfile parse error on line 2: unterminated heredoc'],
  [`${FROM}ENV A`, 'dockerfile parse error on line 2: ENV must have two arguments'],
  [`${FROM}ENV =x`, 'dockerfile parse error on line 2: ENV names can not be blank'],
  [
    `${FROM}ENV A=1 B`,
    'dockerfile parse error on line 2: Syntax error - can\'t find = in "B". Must be of the form: name=value',
  ],
  [
    `${FROM}CMD ["a", ["b"]]`,
    'dockerfile parse error on line 2: when using JSON array syntax, arrays must be comprised of strings only',
  ],
  [`${FROM}SHELL bash`, 'dockerfile parse error on line 2: SHELL requires the arguments to be in JSON form'],
  [
    `${FROM}ONBUILD ONBUILD RUN x`,
    "dockerfile parse error on line 2: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
  ],
  [`${FROM}ONBUILD from x`, "dockerfile parse error on line 2: FROM isn't allowed as an ONBUILD trigger"],
  [`${FROM}HEALTHCHECK x`, 'dockerfile parse error on line 2: Unknown type "X" in HEALTHCHECK (try CMD)'],
  [`${FROM}HEALTHCHECK CMD`, 'dockerfile parse error on line 2: Missing command after HEALTHCHECK CMD'],
  [`${FROM}HEALTHCHECK --interval=5 CMD x`, 'dockerfile parse error on line 2: time: missing unit in duration "5"'],
  [
    `${FROM}HEALTHCHECK --timeout=1ns CMD x`,
    'dockerfile parse error on line 2: Interval "timeout" cannot be less than 1ms',
  ],
  [`${FROM}VOLUME [""]`, 'dockerfile parse error on line 2: VOLUME specified can not be an empty string'],
  [`${FROM}USER`, 'dockerfile parse error on line 2: USER requires exactly one argument'],
  [`${FROM}RUN --network=x y`, 'dockerfile parse error on line 2: invalid network mode "x"'],
  [
    `${FROM}RUN --mount=type=cach,target=/x y`,
    'dockerfile parse error on line 2: unsupported mount type "cach" (did you mean cache?)',
  ],
  [
    `${FROM}RUN --mount=type=bind,size=1 y`,
    "dockerfile parse error on line 2: unexpected key 'size' for mount type 'bind'",
  ],
  [
    `${FROM}RUN --mount=from=$x,target=/y z`,
    "dockerfile parse error on line 2: 'from' doesn't support variable expansion, define alias stage instead",
  ],
  ['# escape=x\nFROM a', "dockerfile parse error on line 1: invalid escape token 'x' does not match ` or \\"],
  [
    '# syntax=docker/dockerfile:1\n# syntax=b\nFROM a',
    'dockerfile parse error on line 2: only one syntax parser directive can be used',
  ],
  ['FROM a\n'.repeat(5001), 'dockerfile parse error on line 5001: more than 5000 build stages'],
  [`${FROM}RUN a\0b`, 'dockerfile parse error on line 2: dockerfile line contains a NUL character'],
  [
    `${FROM}RUN ${'x'.repeat(70_000)}`,
    'dockerfile parse error on line 2: dockerfile line greater than max allowed size of 65535',
  ],
];

for (const [source, message] of NEGATIVE) {
  test(`parseDockerfile() refuses ${JSON.stringify(source.slice(0, 60))}`, () => {
    assert.throws(
      () => parseDockerfile(source),
      (error: DockerfileError) => {
        assert.deepEqual([error.message, error.code], [message, 'invalid_argument']);
        assert(error.hint, 'a hint is expected');
        const { location, caret } = error;
        if (location) assert(caret && caret.line >= location.startLine && caret.line <= location.endLine);
        return error instanceof DockerfileError;
      },
    );
  });
}

test('DockerfileError shows the offending lines as docker build does', () => {
  const source = 'FROM a\nRUN x\nCOPY --form=b c d\nRUN y\n';
  assert.throws(
    () => parseDockerfile(source, { filename: 'docker/Dockerfile' }),
    (error: DockerfileError) => {
      assert.deepEqual(error.location, { startLine: 3, endLine: 3 });
      assert.deepEqual(error.caret, { line: 3, column: 6, length: 6 });
      assert.equal(
        error.renderSnippet(),
        [
          'docker/Dockerfile:3',
          '--------------------',
          '   1 |     FROM a',
          '   2 |     RUN x',
          '   3 | >>> COPY --form=b c d',
          '     |          ^^^^^^',
          '   4 |     RUN y',
          '   5 |     ',
          '--------------------',
          '',
        ].join('\n'),
      );
      return error instanceof DockerfileError;
    },
  );
});

test("parseDockerfile() takes Docker's own frontend, of any version, for the one built in", () => {
  const accepted = ['docker/dockerfile:1', 'docker/dockerfile', 'docker.io/docker/dockerfile:1.7-labs'];
  accepted.push('docker/dockerfile-upstream:master', `docker/dockerfile:1@sha256:${'a'.repeat(64)} --flag`);
  for (const image of accepted) assert.equal(parseDockerfile(`# syntax = ${image}\nFROM a`).stages.length, 1, image);
  const options = { frontend: 'docker/dockerfile:1' };
  assert.equal(parseDockerfile('# syntax=example.com/other\nFROM a', options).stages.length, 1);
});

test('parseDockerfile() refuses another frontend, wherever it is named', () => {
  const cases: [source: string, line: number][] = [
    ['# syntax=example.com/front:1\nFROM a', 1],
    ['#!/usr/bin/env x\n# escape=`\n#syntax=example.com/front:1 x\nFROM a', 3],
    ['// syntax=example.com/front:1\nkind: x', 1],
    ['{"syntax": "example.com/front:1"}', 1],
  ];
  for (const [source, line] of cases)
    assert.throws(
      () => parseDockerfile(source),
      (error: DockerfileError) =>
        error.reason.startsWith('frontend image "example.com/front:1" is not supported') &&
        error.location?.startLine === line &&
        error.caret !== undefined &&
        error.hint === 'remove the line "syntax=…", or name docker/dockerfile:1',
      source,
    );
  assert.throws(() => parseDockerfile('FROM a', { frontend: 'example.com/front' }), {
    hint: 'remove the build argument BUILDKIT_SYNTAX, or name docker/dockerfile:1',
  });
  assert.equal(parseDockerfile('FROM a\n# syntax=example.com/front\n').stages.length, 1);
});

test('parseInstruction() reads back an ONBUILD trigger with its here-document', () => {
  const onbuild = parseDockerfile('FROM a\nONBUILD RUN <<-X cat\n\thi\n\tX\n').stages[0]?.instructions[0];
  assert(onbuild?.kind === 'onbuild');
  assert.equal(onbuild.trigger, 'RUN <<-X cat\n\thi\nX');
  const run = parseInstruction(onbuild.trigger);
  assert(run.kind === 'run');
  assert.equal(run.heredocs[0]?.content, 'hi\n');
});

test('parseInstruction() allows only what commit --change allows', () => {
  assert.equal(parseInstruction('CMD ["x"]', { allowed: CHANGE_KINDS }).kind, 'cmd');
  assert.throws(() => parseInstruction('RUN x', { allowed: CHANGE_KINDS }), /RUN is not allowed here/);
  assert.throws(() => parseInstruction('FROM x'), /FROM is not allowed here/);
  assert.throws(() => parseInstruction('CMD x\nCMD y'), /a single instruction is expected/);
});

test('runCommand() tells scripts, files and commands with here-documents apart', () => {
  const command = (text: string) => {
    const run = parseInstruction(text);
    assert(run.kind === 'run');
    return runCommand(run);
  };
  assert.deepEqual(command('RUN <<X\na\nX'), { kind: 'args', args: ['a\n'] });
  assert.deepEqual(command('RUN cat <<X\na\nX'), { kind: 'args', args: ['cat <<X\na\nX'] });
  const file = command('RUN <<X\n#!/bin/x\na\nX');
  assert(file.kind === 'file' && file.file.content === '#!/bin/x\na\n');
});

test('flags are separated by ASCII white space only, as in Docker', () => {
  const cmd = parseInstruction('CMD \u00a0--from=x');
  assert(cmd.kind === 'cmd');
  assert.deepEqual(cmd.args, ['--from=x']);
});
