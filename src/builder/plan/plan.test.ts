import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDockerfile } from '../../dockerfile/index.ts';
import type { BuildStepError } from '../build-error.ts';
import { LadingError } from '../../errors/index.ts';
import { NamedContexts } from '../context/named-contexts.ts';
import { BuildArgs } from './build-args.ts';
import { withNearName } from './near-name.ts';
import { StageGraph } from './stage-graph.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const PLATFORMS = { build: AMD64, target: { os: 'linux', architecture: 'arm64' } };

function plan(text: string, given: Record<string, string> = {}) {
  const dockerfile = parseDockerfile(text);
  const args = new BuildArgs(given, dockerfile, PLATFORMS);
  return { args, dockerfile, graph: new StageGraph(dockerfile, args.global) };
}

test('StageGraph.needed() keeps what the target uses, in order', () => {
  const { graph } = plan(
    'FROM a AS one\nFROM b AS two\nFROM one AS three\nFROM scratch AS four\nCOPY --from=three /x /\nRUN --mount=from=9 true\nFROM z AS five\nFROM y',
  );
  const names = (target: string | undefined) => graph.needed(graph.target(target)).map((stage) => stage.index);
  assert.deepEqual(names('three'), [0, 2]);
  assert.deepEqual(names(undefined), [5]);
  assert.throws(() => names('FOUR'), { reason: 'invalid from flag value 9: invalid stage index 9' });
  assert.throws(() => names('none'), { message: 'target stage "none" could not be found (did you mean one?)' });
});

test('StageGraph.needed() refuses stages that are not complete where they are used, with the line', () => {
  const needed = (text: string) => {
    const { graph } = plan(text);
    return graph.needed(graph.target(undefined));
  };
  // As Docker 28 answers.
  const cases: [text: string, reason: string, line: string][] = [
    ['FROM x AS a\nCOPY --from=A / /', 'circular dependency detected on stage: a', 'Dockerfile:2'],
    ['FROM x AS a\nCOPY --from=0 / /', 'circular dependency detected on stage: a', 'Dockerfile:2'],
    ['FROM x AS a\nRUN --mount=from=a,target=/b c', 'circular dependency detected on stage: a', 'Dockerfile:2'],
    [
      'FROM x AS a\nCOPY --from=b / /\nFROM y AS b\nFROM a',
      'cannot copy from stage "b", it needs to be defined before current stage "a"',
      'Dockerfile:2',
    ],
  ];
  for (const [text, reason, line] of cases)
    assert.throws(
      () => needed(text),
      (error: BuildStepError) => error.reason === reason && error.snippet.startsWith(line),
      text,
    );
  assert.equal(needed('FROM x AS a\nCOPY --from=b / /\nFROM y AS b').length, 1);
});

test('StageGraph.baseOf() takes stage names as written, and says what was meant', () => {
  const { graph, dockerfile } = plan('FROM scratch AS base\nFROM Base');
  assert.throws(() => graph.baseOf(dockerfile.stages[1]!), {
    message: /^failed to parse stage name "Base": invalid reference format/,
    hint: 'names of stages are in lower case: write FROM base',
  });
});

test('StageGraph.baseOf() expands global arguments and tells stages from images', () => {
  const { graph, dockerfile } = plan(
    'ARG V=1\nARG B=base:$V\nFROM $B AS base\nFROM --platform=$BUILDPLATFORM base:$V\nFROM base',
    {
      V: '2',
    },
  );
  const [first, second, third] = dockerfile.stages.map((stage) => graph.baseOf(stage));
  assert.deepEqual(first, { kind: 'image', reference: 'base:2' });
  assert.deepEqual(second, { kind: 'image', reference: 'base:2', platform: 'linux/amd64' });
  assert.equal(third?.kind, 'stage');
});

test('BuildArgs gives the user, then the stage, then the global value', () => {
  const { args } = plan('ARG G=global\nARG U=global\nFROM x', { U: 'user', L: 'late' });
  assert.equal(args.valueOf('G', undefined), 'global');
  assert.equal(args.valueOf('G', 'stage'), 'stage');
  assert.equal(args.valueOf('U', 'stage'), 'user');
  assert.equal(args.valueOf('TARGETARCH', undefined), 'arm64');
  assert.equal(args.valueOf('NOTHING', undefined), undefined);
  assert.equal(args.valueOf('TARGETSTAGE', undefined), 'default');
  assert.equal(plan('FROM x AS y').args.valueOf('TARGETSTAGE', undefined), 'y');
  assert.deepEqual(args.unused(), ['L']);
  assert.equal(plan('FROM x', { TARGETARCH: 'mine' }).args.valueOf('TARGETARCH', undefined), 'mine');
});

test('BuildArgs knows proxies and SOURCE_DATE_EPOCH without declaration', () => {
  const { args } = plan('FROM x', { http_proxy: 'p', SOURCE_DATE_EPOCH: '0', BUILDKIT_INLINE_CACHE: '1' });
  assert.deepEqual(args.proxies(), ['HTTP_PROXY=p', 'http_proxy=p']);
  assert.equal(args.hostname(), 'buildkitsandbox');
  assert.equal(plan('FROM x', { BUILDKIT_SANDBOX_HOSTNAME: 'me' }).args.hostname(), 'me');
  assert.throws(
    () => plan('FROM x', { BUILDKIT_SANDBOX_HOSTNAME: '../x' }).args.hostname(),
    /invalid BUILDKIT_SANDBOX/,
  );
  assert.deepEqual(args.unused(), []);
});

test('withNearName() names the stage or image that was meant, when nobody has the one asked for', () => {
  const stages = [{ name: 'alpha' }, {}];
  const hint = 'check the network';
  const missing = new LadingError('not_found', 'no such image', { hint });
  const found = withNearName(missing, 'alphq', stages);
  assert(found instanceof LadingError);
  assert.deepEqual(
    [found.message, found.code, found.hint],
    ['alphq: no such image (did you mean alpha?)', 'not_found', hint],
  );
  assert.match(String(withNearName(missing, 'busibox', [])), /did you mean busybox\?/);
  assert.equal(withNearName(missing, 'alpha', stages), missing);
  assert.equal(withNearName(missing, 'other/thing', stages), missing);
  const cancelled = new LadingError('cancelled', 'x');
  assert.equal(withNearName(cancelled, 'alphq', stages), cancelled);
});

test('StageGraph with named contexts: a replaced stage needs nothing, a target: context needs its stage', () => {
  const dockerfile = parseDockerfile(
    'FROM x AS deep\nFROM deep AS middle\nRUN --mount=from=deep true\nFROM middle\nCOPY --from=named / /\nFROM scratch AS other',
  );
  const args = new BuildArgs({}, dockerfile, PLATFORMS);
  const of = (contexts: Record<string, string>): number[] => {
    const graph = new StageGraph(dockerfile, args.global, new NamedContexts(contexts));
    return graph.needed(graph.target('2')).map(({ index }) => index);
  };
  assert.deepEqual(of({}), [0, 1, 2]);
  assert.deepEqual(of({ middle: '/folder' }), [1, 2]);
  assert.deepEqual(of({ named: 'target:other' }), [0, 1, 2, 3]);
  assert.throws(() => of({ named: 'target:2' }), { message: 'circular dependency detected on stage: stage-2' });
  const arm = new StageGraph(
    dockerfile,
    args.global,
    new NamedContexts({ 'named::linux/arm64': '/arm', named: '/any' }),
  );
  const source = arm.sourceOf('named', dockerfile.stages[2]!);
  assert.deepEqual(source.kind === 'files' && source.files, { kind: 'folder', path: '/arm' });
});
