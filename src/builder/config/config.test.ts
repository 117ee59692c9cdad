import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseInstruction } from '../../dockerfile/index.ts';
import type { RunConfig } from '../../oci/index.ts';
import { applyConfigInstruction } from './apply-config.ts';
import { describeMetadata, describeRun } from './history.ts';

const EMPTY: RunConfig = {};

function apply(lines: readonly string[], config: RunConfig = EMPTY): RunConfig {
  return lines.reduce((current, line) => applyConfigInstruction(current, parseInstruction(line)), config);
}

// Expectations: docs.docker.com/reference/dockerfile and images made by Docker 28.
const CONFIGS: readonly { name: string; base?: RunConfig; lines: string[]; expected: RunConfig }[] = [
  {
    name: 'ENV replaces in place and appends',
    base: { Env: ['A=1', 'B=2'] },
    lines: ['ENV A=3 C=4'],
    expected: { Env: ['A=3', 'B=2', 'C=4'] },
  },
  {
    name: 'CMD in shell form takes the shell',
    lines: ['SHELL ["/bin/bash", "-ec"]', 'CMD echo hi'],
    expected: { Shell: ['/bin/bash', '-ec'], Cmd: ['/bin/bash', '-ec', 'echo hi'], ArgsEscaped: true },
  },
  {
    name: "ENTRYPOINT drops the base's CMD",
    base: { Cmd: ['sh'] },
    lines: ['ENTRYPOINT ["x"]'],
    expected: { Entrypoint: ['x'] },
  },
  {
    name: 'WORKDIR joins relative folders',
    lines: ['WORKDIR /a', 'WORKDIR b/', 'WORKDIR ../c'],
    expected: { WorkingDir: '/a/c' },
  },
  {
    name: 'EXPOSE takes ranges and protocols',
    lines: ['EXPOSE 80 53/udp 90-91'],
    expected: { ExposedPorts: { '53/udp': {}, '80/tcp': {}, '90/tcp': {}, '91/tcp': {} } },
  },
  {
    name: 'HEALTHCHECK keeps what is set, in nanoseconds',
    lines: ['HEALTHCHECK --interval=5m --retries=3 CMD curl -f /'],
    expected: { Healthcheck: { Test: ['CMD-SHELL', 'curl -f /'], Interval: 300e9, Retries: 3 } },
  },
  { name: 'ONBUILD keeps the text', lines: ['ONBUILD RUN make'], expected: { OnBuild: ['RUN make'] } },
  { name: 'VOLUME collects', lines: ['VOLUME /a', 'VOLUME ["/b"]'], expected: { Volumes: { '/a': {}, '/b': {} } } },
];

for (const { name, base, lines, expected } of CONFIGS)
  test(`applyConfigInstruction() ${name}`, () => assert.deepEqual(apply(lines, base), expected));

test('applyConfigInstruction() keeps a CMD of the same stage behind ENTRYPOINT', () => {
  const config = applyConfigInstruction({ Cmd: ['a'] }, parseInstruction('ENTRYPOINT ["x"]'), { cmdSet: true });
  assert.deepEqual(config, { Entrypoint: ['x'], Cmd: ['a'] });
});

test('applyConfigInstruction() refuses a port that is none', () => {
  assert.throws(() => apply(['EXPOSE 99999']), { code: 'invalid_argument', message: 'invalid containerPort: 99999' });
});

const HISTORY: readonly [line: string, expected: string | undefined][] = [
  ['ENV A=1 B=2', 'ENV A=1 B=2'],
  ['CMD ["npm", "start"]', 'CMD ["npm" "start"]'],
  ['ENTRYPOINT run', 'ENTRYPOINT ["/bin/sh" "-c" "run"]'],
  ['EXPOSE 80', 'EXPOSE [80/tcp]'],
  ['VOLUME /data', 'VOLUME [/data]'],
  ['USER app', 'USER app'],
  [
    'HEALTHCHECK --interval=90s --timeout=3s CMD x',
    'HEALTHCHECK &{["CMD-SHELL" "x"] "1m30s" "3s" "0s" "0s" \'\\x00\'}',
  ],
  ['ONBUILD RUN x', undefined],
];

for (const [line, expected] of HISTORY)
  test(`describeMetadata() writes ${line} as BuildKit does`, () =>
    assert.equal(describeMetadata(EMPTY, parseInstruction(line)), expected));

test('describeRun() shows declared arguments first', () => {
  const args = new Map([
    ['A', '1'],
    ['B', undefined],
  ]);
  assert.equal(describeRun(['/bin/sh', '-c', 'make'], args), 'RUN |2 A=1 B= /bin/sh -c make # buildkit');
  assert.equal(describeRun(['make'], new Map()), 'RUN make # buildkit');
});
