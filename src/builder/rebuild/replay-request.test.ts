import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostPlatform } from '../../oci/index.ts';
import { atCommit, replayOf } from './replay-request.ts';

const COMMIT = '0123456789012345678901234567890123456789';

function predicate(request: object, more: { configSource?: object; complete?: boolean; data?: string } = {}): object {
  const { configSource = { path: 'docker/App' }, complete = true, data } = more;
  return {
    buildDefinition: {
      externalParameters: { configSource, request },
      resolvedDependencies: [{ uri: 'pkg:docker/a@1', digest: { sha256: 'b' } }, { uri: 5 }, null],
    },
    runDetails: {
      metadata: {
        buildkit_completeness: { request: complete },
        buildkit_metadata: data === undefined ? {} : { source: { infos: [{ data }] } },
      },
    },
  };
}

test('replayOf() reads a build back from its provenance', () => {
  const args = {
    'build-arg:A': '1',
    'label:l': 'v',
    target: 't',
    'force-network-mode': 'none',
    'add-hosts': 'a:1,b:2',
    squash: 'stage',
  };
  const value = predicate({ args }, { data: Buffer.from('FROM x').toString('base64') });
  const own = { buildArgNames: [] };
  const { request, pins } = replayOf(value, hostPlatform(), own, { folder: '/tmp' });
  assert.deepEqual(pins, [{ uri: 'pkg:docker/a@1', digest: { sha256: 'b' } }]);
  const { context, dockerfile, dockerfileText, buildArgs, labels, target, networkMode, extraHosts, platforms, squash } =
    request;
  assert.deepEqual(
    { context, dockerfile, dockerfileText, buildArgs, labels, target, networkMode, extraHosts, platforms, squash },
    {
      context: { kind: 'directory', path: '/tmp' },
      dockerfile: 'docker/App',
      dockerfileText: 'FROM x',
      buildArgs: { A: '1' },
      labels: { l: 'v' },
      target: 't',
      networkMode: 'none',
      extraHosts: ['a:1', 'b:2'],
      platforms: [],
      squash: 'stage',
    },
  );
});

test('replayOf() pins a Git context to its commit', () => {
  const configSource = { uri: 'https://example.org/r.git#main:sub', digest: { sha1: COMMIT }, path: 'Dockerfile' };
  const { request } = replayOf(predicate({}, { configSource }), hostPlatform(), undefined, {});
  assert.deepEqual(request.context, { kind: 'git', address: `https://example.org/r.git#${COMMIT}:sub` });
  assert.equal(atCommit('https://example.org/r.git', COMMIT), `https://example.org/r.git#${COMMIT}`);
  assert.throws(() => atCommit('https://example.org/r.git', 'main'), { code: 'invalid_argument' });
});

test('replayOf() executes no text, uses no path and grants nothing of a provenance from elsewhere', () => {
  const data = Buffer.from('FROM x').toString('base64');
  const value = predicate({ args: { allow: 'security.insecure' } }, { data });
  const { request } = replayOf(value, hostPlatform(), undefined, { folder: '/tmp' });
  assert.deepEqual([request.dockerfileText, request.allow], [undefined, undefined]);
  assert.deepEqual(replayOf(value, hostPlatform(), { folder: '/tmp', buildArgNames: [] }, {}).request.allow, [
    'security.insecure',
  ]);
  for (const args of [{ 'force-network-mode': 'host' }, { 'context:x': '/etc' }, { 'context:x': 'oci-layout:///etc' }])
    assert.throws(() => replayOf(predicate({ args }), hostPlatform(), undefined, { folder: '/tmp' }), {
      code: 'permission_denied',
    });
});

test('replayOf() shows no secret to sources that a provenance from elsewhere names', () => {
  const secrets = new Map([['GIT_AUTH_TOKEN', Buffer.from('s')]]);
  const configSource = { uri: 'https://evil.example/r.git#main', digest: { sha1: COMMIT } };
  const git = predicate({}, { configSource });
  const named = predicate({ args: { 'context:alpine': 'docker-image://evil.example/alpine' } });
  const host = hostPlatform();
  for (const [value, options] of [
    [git, { secrets }],
    [named, { secrets, folder: '/tmp' }],
  ] as const)
    assert.throws(() => replayOf(value, host, undefined, options), { code: 'permission_denied', message: /secrets/ });
  assert.ok(replayOf(git, host, undefined, { secrets: new Map() }));
  assert.ok(replayOf(git, host, { buildArgNames: [] }, { secrets }));
  const { request } = replayOf(git, host, undefined, { secrets, folder: '/tmp' });
  assert.deepEqual(request.context, { kind: 'directory', path: '/tmp' });
  assert.equal(request.secrets, secrets);
});

test('replayOf() says which input is missing', () => {
  const host = hostPlatform();
  const folder = '/tmp';
  const memory = { folder, buildArgNames: ['A', 'B'] };
  const incomplete = predicate({}, { complete: false });
  const cases: [RegExp, () => unknown][] = [
    [/does not hold the build context/, () => replayOf(predicate({}), host, undefined, {})],
    [/context "\/not\/there" is not there/, () => replayOf(predicate({}), host, undefined, { folder: '/not/there' })],
    [/does not hold the build arguments B$/, () => replayOf(incomplete, host, memory, { buildArgs: { A: '1' } })],
    [/does not hold all build arguments/, () => replayOf(incomplete, host, undefined, { folder })],
    [
      /named context "x" was a folder of another machine/,
      () => replayOf(predicate({ args: { 'context:x': 'local:x' } }), host, undefined, { folder }),
    ],
  ];
  for (const [message, work] of cases) assert.throws(work, { message });
  assert.ok(replayOf(incomplete, host, memory, { buildArgs: { A: '1', B: '2' } }));
  for (const damaged of [
    undefined,
    null,
    5,
    { buildDefinition: null, runDetails: null },
    { buildDefinition: { externalParameters: {} } },
    { buildDefinition: { externalParameters: { configSource: null, request: 1 }, resolvedDependencies: {} } },
    { runDetails: { metadata: { buildkit_metadata: { source: { infos: [null] } }, buildkit_completeness: null } } },
  ])
    assert.throws(() => replayOf(damaged, host, undefined, {}), { message: /does not hold/ });
});
