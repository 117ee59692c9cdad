import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildWarnings } from './build-warnings.ts';

const WARNING = {
  kind: 'warning',
  rule: 'MaintainerDeprecated',
  message: 'do not\x1b[31m',
  line: 2,
  detail: 'It is old',
  url: 'https://x/',
  snippet: 'Dockerfile:2\n',
} as const;

test('BuildWarnings lists what the checks found, and leaves other warnings alone', () => {
  const warnings = new BuildWarnings();
  assert.equal(warnings.text(), '');
  assert.equal(warnings.take({ kind: 'warning', message: 'other' }), false);
  assert.equal(warnings.take(WARNING), true);
  assert.equal(
    warnings.text(),
    '\n 1 warning found (use --debug to expand):\n - MaintainerDeprecated: do not (line 2)\n',
  );
});

test('BuildWarnings expands each with its reason, address and lines', () => {
  const warnings = new BuildWarnings(true);
  warnings.take(WARNING);
  warnings.take(WARNING);
  const one = ' - MaintainerDeprecated: do not (line 2)\nIt is old\nMore info: https://x/\nDockerfile:2\n\n';
  assert.equal(warnings.text(), `\n 2 warnings found:\n${one}${one}`);
});
