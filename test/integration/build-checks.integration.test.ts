import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { BuildEvent, BuildRequest } from '../../src/builder/index.ts';
import { BuilderHarness } from '../support/builder-harness.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
let harness: BuilderHarness;

before(async () => {
  if (!skip) harness = await BuilderHarness.open();
});
after(async () => {
  if (!skip) await harness.close();
});

async function events(request: Partial<BuildRequest>): Promise<BuildEvent[]> {
  const found: BuildEvent[] = [];
  const settings = { dockerfile: 'Dockerfile', tags: [], buildArgs: {}, labels: {}, noCache: false, pull: false };
  const context = { kind: 'directory', path: harness.context({ a: 'a', '.dockerignore': 'a\n' }) } as const;
  await harness.builder
    .build({ ...settings, context, ...request }, { onEvent: (event) => void found.push(event) })
    .catch((error: unknown) => found.push({ kind: 'warning', message: `failed: ${(error as Error).message}` }));
  return found;
}

function warnings(found: readonly BuildEvent[]): string[] {
  return found.flatMap((event) => (event.kind === 'warning' ? `${event.rule ?? '-'} ${event.line ?? '-'}` : []));
}

test('every build runs the checks, with what it knows of base images and ignore rules', { skip }, async () => {
  const text = 'FROM busybox\nWORKDIR rel\nENV A=$NOTHING P=$PATH\nCOPY a* /\nCMD true\n';
  const found = await events({ dockerfileText: text });
  assert.deepEqual(warnings(found), ['WorkdirRelativePath 2', 'UndefinedVar 3', 'JSONArgsRecommended 5']);
  const [first] = found.filter((event) => event.kind === 'warning');
  assert(first?.kind === 'warning' && first.snippet?.startsWith('Dockerfile:2\n') && first.url && first.detail);
});

test('a build that fails reports the checks, too', { skip }, async () => {
  const found = await events({ dockerfileText: 'FROM busybox\nMAINTAINER x\nCOPY a /\n' });
  assert.deepEqual(warnings(found).slice(0, 2), ['MaintainerDeprecated 2', 'CopyIgnoredFile 3']);
});

test('# check=error=true fails before a step runs', { skip }, async () => {
  const runs = harness.executor.runs.length;
  const text = '# check=error=true\nFROM busybox\nRUN touch /never\nMAINTAINER x\n';
  const found = await events({ dockerfileText: text });
  assert.deepEqual(warnings(found), ['MaintainerDeprecated 4', '- -']);
  assert(
    found.some((event) => event.kind === 'warning' && event.message.includes('lint violation found for rules: Maint')),
  );
  assert.equal(harness.executor.runs.length, runs);
  const skipped = await events({ dockerfileText: text, buildArgs: { BUILDKIT_DOCKERFILE_CHECK: 'skip=all' } });
  assert.deepEqual(warnings(skipped), []);
});

test('a call is answered and builds nothing', { skip }, async () => {
  const text = 'FROM busybox AS one\nRUN touch /never\nENV A=$NOTHING\nFROM one\nCMD true\n';
  for (const call of ['check', 'outline', 'targets'] as const) {
    const found = await events({ dockerfileText: text, call });
    assert.deepEqual(
      found.map((event) => [event.kind, event.kind === 'call' && event.failed]),
      [['call', call === 'check']],
    );
  }
  const [answer] = await events({ dockerfileText: text, call: 'check' });
  assert(answer?.kind === 'call');
  assert.match(answer.text, /2 warnings have been found[^]*UndefinedVar[^]*JSONArgsRecommended/);
});

test('a check tells what would stop the build', { skip }, async () => {
  const cases: [text: string, message: RegExp][] = [
    ['FROM busybox\nCOPI a b\n', /unknown instruction: COPI \(did you mean COPY\?\)\nDockerfile:2/],
    ['FROM busybox AS a\nCOPY --from=a / /\n', /circular dependency detected on stage: a\nDockerfile:2/],
    ['FROM busybox AS a\nCOPY --from=7 / /\n', /invalid stage index 7\nDockerfile:2/],
    ['FROM $A\n', /base name \(\$A\) should not be blank\nDockerfile:1/],
  ];
  for (const [dockerfileText, message] of cases) {
    const [answer] = await events({ dockerfileText, call: 'check' });
    assert(answer?.kind === 'call' && answer.failed, dockerfileText);
    assert.match(answer.text, message);
  }
  const [answer] = await events({ dockerfileText: 'FROM busybox AS alpha\n', call: 'check', target: 'alphb' });
  assert(answer?.kind === 'call');
  assert.match(answer.text, /target stage "alphb" could not be found \(did you mean alpha\?\)/);
});
