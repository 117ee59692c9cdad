import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NamedContexts } from './named-contexts.ts';

test('NamedContexts.find() knows an image by all its names, another tag not', () => {
  const contexts = new NamedContexts({
    alpine: '/a',
    'busybox:1': '/b',
    'quay.test/x': '/x',
    'plain::linux/arm64': '/arm',
    plain: '/plain',
  });
  const pathOf = (name: string, platform?: { os: string; architecture: string }): string | undefined => {
    const found = contexts.find(name, platform);
    return found?.kind === 'folder' ? found.path : undefined;
  };
  for (const name of ['alpine', 'alpine:latest', 'docker.io/library/alpine', 'library/alpine:latest'])
    assert.equal(pathOf(name), '/a', name);
  for (const name of ['alpine:3', 'other/alpine', 'busybox']) assert.equal(pathOf(name), undefined, name);
  assert.equal(pathOf('busybox:1'), '/b');
  assert.equal(pathOf('quay.test/x:latest'), '/x');
  assert.equal(pathOf('plain', { os: 'linux', architecture: 'arm64' }), '/arm');
  assert.equal(pathOf('plain', { os: 'linux', architecture: 'amd64' }), '/plain');
});

test('NamedContexts reads every kind of value', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const rows: [value: string, expected: Record<string, string>][] = [
    ['/a/b', { kind: 'folder', path: '/a/b' }],
    ['docker-image://alpine@sha256:x', { kind: 'image', reference: 'alpine@sha256:x' }],
    ['oci-layout:///a/b', { kind: 'layout', path: '/a/b' }],
    ['oci-layout:///a/b:v1', { kind: 'layout', path: '/a/b', tag: 'v1' }],
    [`oci-layout:///a:1/b@${digest}`, { kind: 'layout', path: '/a:1/b', digest }],
    ['target:build', { kind: 'stage', name: 'build' }],
    ['https://host/x.git#v1', { kind: 'git', address: 'https://host/x.git#v1' }],
    ['git@host:x', { kind: 'git', address: 'git@host:x' }],
    ['https://host/x.tar.gz', { kind: 'http', url: 'https://host/x.tar.gz' }],
  ];
  for (const [value, expected] of rows) assert.deepEqual(new NamedContexts({ x: value }).find('x'), expected, value);
  for (const value of ['relative', './x', 'oci-layout://relative', 'file:///x', '/a\0b'])
    assert.throws(() => new NamedContexts({ x: value }), { code: 'invalid_argument' }, value);
});
