import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { isLadingError } from '../../errors/index.ts';
import { matchesGlob, matchesLabels, matchesName } from '../router/filters.ts';
import { ROUTES } from '../router/routes.ts';
import { DetachScanner, parseDetachKeys } from './detach-keys.ts';
import { createMatcher, splitVersion } from './match.ts';
import { writeChunk } from './multiplex.ts';
import { isTrustedPeer } from './peer.ts';
import { filters, flag, timestampMs } from './query.ts';
import { registryAuth } from './registry-auth.ts';

const invalid = (error: unknown): boolean => isLadingError(error, 'invalid_argument');

test('flag() reads booleans as Docker does', () => {
  for (const word of ['1', 'true', 'True', 'yes']) assert.ok(flag(new URLSearchParams({ a: word }), 'a'), word);
  for (const word of ['', '0', 'false', 'no', 'none']) assert.ok(!flag(new URLSearchParams({ a: word }), 'a'), word);
  assert.ok(flag(new URLSearchParams(), 'a', true));
});

test('filters() reads lists and maps, and refuses unknown names', () => {
  const read = (text: string) => filters(new URLSearchParams({ filters: text }), ['label']);
  assert.deepEqual(read('{"label":["a","b=c"]}'), { label: ['a', 'b=c'] });
  assert.deepEqual(read('{"label":{"a":true,"b":false}}'), { label: ['a'] });
  assert.deepEqual(read(''), {});
  for (const text of ['{"x":["a"]}', '{', '[]', '{"label":[1]}', '{"label":"a"}'])
    assert.throws(() => read(text), invalid, text);
});

test('timestampMs() reads seconds with a fraction', () => {
  assert.equal(timestampMs(new URLSearchParams({ since: '1.500000000' }), 'since'), 1500);
  assert.throws(() => timestampMs(new URLSearchParams({ since: 'soon' }), 'since'), invalid);
});

test('splitVersion() takes the prefix off', () => {
  assert.deepEqual(splitVersion('/v1.47/info'), { version: '1.47', path: '/info' });
  assert.deepEqual(splitVersion('/volumes'), { version: undefined, path: '/volumes' });
});

test('createMatcher() lets image names hold slashes', () => {
  const match = createMatcher(ROUTES);
  assert.deepEqual(match('GET', '/images/host:5000/a/b:1/json')?.params, { name: 'host:5000/a/b:1' });
  assert.equal(match('GET', '/images/json')?.route.path, '/images/json');
  assert.deepEqual(match('DELETE', '/images/a%2Fb')?.params, { name: 'a/b' });
  assert.equal(match('GET', '/containers/a/b/json'), undefined);
  assert.throws(() => match('GET', '/containers/%zz/json'), invalid);
});

test('writeChunk() frames as Docker: stream, zeros, size', async () => {
  const output = new PassThrough();
  await writeChunk(output, Buffer.from('hi'), 'stderr', new AbortController().signal);
  assert.deepEqual([...output.read()], [2, 0, 0, 0, 0, 0, 0, 2, 104, 105]);
});

test('DetachScanner finds the sequence across chunks and gives back a false start', () => {
  const scanner = new DetachScanner(parseDetachKeys(''));
  assert.deepEqual(scanner.scan(Buffer.from('a\x10')), { pass: Buffer.from('a'), detached: false });
  assert.deepEqual(scanner.scan(Buffer.from('b\x10')), { pass: Buffer.from('\x10b'), detached: false });
  assert.deepEqual(scanner.scan(Buffer.from('\x11z')), { pass: Buffer.from(''), detached: true });
});

test('parseDetachKeys() reads letters and controls', () => {
  assert.deepEqual([...parseDetachKeys('ctrl-a,x,ctrl-]')], [1, 120, 29]);
  assert.throws(() => parseDetachKeys('ctrl-pp'), invalid);
});

test('registryAuth() reads base64url JSON and ignores what it cannot read', () => {
  const header = Buffer.from('{"username":"ü?>","password":"p","auth":""}').toString('base64url');
  assert.deepEqual(registryAuth({ 'x-registry-auth': header }), { username: 'ü?>', password: 'p' });
  assert.equal(registryAuth({ 'x-registry-auth': '!' }), undefined);
  assert.equal(registryAuth({ 'x-registry-auth': Buffer.from('{}').toString('base64') }), undefined);
});

test('matchesName() is a regular expression, and refuses those that run for long', () => {
  assert.ok(matchesName('^/web$', ['web', '/web']));
  assert.ok(!matchesName('^we$', ['web']));
  assert.throws(() => matchesName('(a+)+$', ['aaaa']), invalid);
  assert.throws(() => matchesName('[', ['a']), invalid);
});

test('matchesGlob() does not cross slashes', () => {
  assert.ok(matchesGlob('al*:3.?0', 'alpine:3.20'));
  assert.ok(matchesGlob('a/*', 'a/b'));
  assert.ok(!matchesGlob('*', 'a/b'));
});

test('matchesLabels() wants all', () => {
  assert.ok(matchesLabels(['a', 'b=c'], { a: '', b: 'c' }));
  assert.ok(!matchesLabels(['a', 'b=d'], { a: '', b: 'c' }));
  assert.ok(!matchesLabels(['toString'], {}));
});

test('isTrustedPeer() trusts root and the own user only', () => {
  assert.ok(isTrustedPeer(0, 7) && isTrustedPeer(7, 7));
  assert.ok(!isTrustedPeer(8, 7) && !isTrustedPeer(undefined, 7));
});
