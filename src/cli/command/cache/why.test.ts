import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildRun, RunStep } from '../../../client/index.ts';
import type { Context } from '../../command.ts';
import { parseArguments } from '../../flags.ts';
import { command } from './why.ts';

const STEP: RunStep = {
  step: 2,
  place: '[2/4]',
  stage: 'stage-0',
  platform: 'linux/amd64',
  kind: 'copy',
  name: 'COPY src /src/',
  status: 'ran',
  key: 'k2',
  cause: 'file',
  message: 'the mode of "src/a" changed from 644 to 755',
  subject: 'src/a',
  before: 'mode 644',
  after: 'mode 755',
};
const RUN: BuildRun = {
  name: 'my/app',
  at: new Date(Date.now() - 3_600_000).toISOString(),
  tags: ['my/app'],
  steps: [
    STEP,
    {
      ...STEP,
      step: 3,
      place: '[3/4]',
      name: 'RUN make \\\n  all',
      cause: 'parent',
      message: 'step [2/4] above it changed (COPY src /src/)',
      parent: 2,
    },
    {
      step: 4,
      place: '[4/4]',
      stage: 'stage-0',
      platform: 'linux/amd64',
      kind: 'run',
      name: 'RUN make\x1b[31m',
      status: 'cached',
      key: 'k4',
    },
  ],
};

async function why(...words: string[]): Promise<{ printed: string; asked: string | undefined }> {
  let printed = '';
  let asked: string | undefined;
  const context = {
    stdout: { write: (text: string) => void (printed += text) },
    client: { builds: { why: async (build?: string) => ((asked = build), RUN) } },
  } as unknown as Context;
  const { flags, args } = parseArguments(words, command.flags, { stopAtPositional: false });
  await command.run({ args, flags, context } as Parameters<typeof command.run>[0]);
  return { printed, asked };
}

test('cache why lists the steps with what ran and why', async () => {
  const { printed, asked } = await why();
  assert.equal(asked, undefined);
  assert.equal(
    printed,
    [
      'my/app, built about an hour ago: 2 of 3 steps ran',
      '',
      'STEP      STATUS    INSTRUCTION      NOT CACHED BECAUSE',
      '2         ran       COPY src /src/   the mode of "src/a" changed from 644 to 755',
      '3         ran       RUN make \\ all   step [2/4] above it changed (COPY src /src/)',
      '4         cached    RUN make         ',
      '',
    ].join('\n'),
  );
});

test('cache why tells one step by number, place or a part of its instruction', async () => {
  const expected =
    '#2 [2/4] COPY src /src/\nran, not cached: the mode of "src/a" changed from 644 to 755\n' +
    'cause:    file\nsubject:  src/a\nbefore:   mode 644\nafter:    mode 755\nkey:      k2\n';
  for (const step of ['2', '2/4', '[2/4]', 'copy SRC'])
    assert.equal((await why('my/app', step)).printed, expected, step);
  assert.equal((await why('my/app', '4')).printed, '#4 [4/4] RUN make\ncached\n');
  await assert.rejects(why('my/app', 'make'), /several steps match/);
  await assert.rejects(why('my/app', '9'), /there is none/);
});

test('cache why prints JSON and templates, and takes a folder for a context', async () => {
  const lines = (await why('--format', 'json')).printed.trim().split('\n');
  assert.equal(lines.length, 3);
  assert.equal((JSON.parse(lines[1]!) as { Parent: number }).Parent, 2);
  assert.equal((await why('my/app', '2', '--format', '{{.Cause}} {{.Subject}}')).printed, 'file src/a\n');
  assert.equal((await why('.')).asked, process.cwd());
  assert.equal((await why('my/app')).asked, 'my/app');
});
