import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CHECK_RULES, IgnoreMatcher, lintDockerfile, parseDockerfile, predefinedArgs } from '../index.ts';
import type { BaseFacts, LintFacts } from './lint-facts.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };

/** The images the cases are built on. */
const BASES: Readonly<Record<string, BaseFacts>> = {
  plain: {
    env: new Map([
      ['PATH', '/bin'],
      ['BASEVAR', '1'],
    ]),
    shell: false,
    onbuild: [],
    platform: AMD64,
  },
  onbuild: {
    env: new Map([
      ['PATH', '/bin'],
      ['A', '1'],
    ]),
    shell: true,
    onbuild: ['COPY f /f', 'RUN echo $UNDEF', 'WORKDIR rel'],
    platform: AMD64,
  },
};

function facts(given: Readonly<Record<string, string>> = {}): LintFacts {
  return {
    predefined: predefinedArgs({ build: AMD64, target: AMD64, targetStage: 'default' }),
    given: new Map(Object.entries(given)),
    target: AMD64,
    ignore: IgnoreMatcher.parse('ignored.txt\nign\n'),
    base: (image) => BASES[image.replace(':latest', '')],
  };
}

function found(text: string, known = facts()): string[] {
  try {
    return lintDockerfile(parseDockerfile(text), known).map(
      ({ rule, message, location }) => `${location.startLine} ${rule}: ${message}`,
    );
  } catch (error) {
    return [`error: ${(error as Error).message}`];
  }
}

// Written with Docker 28 (`build --call=check,format=json`) as the judge; four checks are as frontend 1.26 has them since: see README.md there.
const cases = readFileSync(new URL('../testdata/checks.txt', import.meta.url), 'utf8').split('=====\n');

for (const [index, text] of cases.entries()) {
  const [source = '', expected = ''] = text.split('-----\n');
  test(`lintDockerfile() case ${index + 1}: ${JSON.stringify(source.slice(0, 50))}`, () => {
    assert.deepEqual(
      found(source),
      expected.split('\n').filter((line) => line !== ''),
    );
  });
}

test('every check is met by a case, but the one on the platform of a base', () => {
  const met = new Set(cases.flatMap((text) => [...text.matchAll(/^\d+ (\w+):/gm)].map((match) => match[1])));
  assert.deepEqual(
    Object.keys(CHECK_RULES).filter((rule) => !met.has(rule)),
    ['InvalidBaseImagePlatform'],
  );
  assert.equal(Object.keys(CHECK_RULES).length, 22);
});

test('lintDockerfile() reports a base image for another platform', () => {
  const arm = { ...facts(), target: { os: 'linux', architecture: 'arm64' } };
  assert.deepEqual(found('FROM plain\n', arm), [
    '1 InvalidBaseImagePlatform: Base image plain was pulled with platform "linux/amd64", expected "linux/arm64" for current build',
  ]);
  assert.deepEqual(found('FROM --platform=$BUILDPLATFORM plain\n', arm), []);
});

test('lintDockerfile() says nothing of variables when the base image is unknown', () => {
  assert.deepEqual(found('FROM unknown\nENV A=$B\n'), []);
});

test('BUILDKIT_DOCKERFILE_CHECK replaces the directive', () => {
  const text = '# check=skip=all\nFROM plain\nCMD x\nMAINTAINER y\n';
  assert.deepEqual(found(text, facts({ BUILDKIT_DOCKERFILE_CHECK: 'skip=JSONArgsRecommended' })), [
    '4 MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label',
  ]);
  assert.deepEqual(found(text, facts({ BUILDKIT_DOCKERFILE_CHECK: 'nonsense' })), [
    'error: failed to parse BUILDKIT_DOCKERFILE_CHECK: invalid check option "nonsense"',
  ]);
});

test('rules that re-include silence CopyIgnoredFile', () => {
  const text = 'FROM plain\nCOPY a /\n';
  assert.deepEqual(found(text, { ...facts(), ignore: IgnoreMatcher.parse('*\n!b') }), []);
  assert.equal(found(text, { ...facts(), ignore: IgnoreMatcher.parse('*') }).length, 1);
  assert.equal(found('FROM plain\nCOPY . /\n', { ...facts(), ignore: IgnoreMatcher.parse('*') }).length, 1);
  assert.equal(found('FROM plain\nCOPY . /\n', { ...facts(), ignore: IgnoreMatcher.parse('b') }).length, 0);
});
