import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatReference, parseReference } from '../../oci/index.ts';
import type { TypedOptions } from '../request.ts';
import { annotationsAt, checkAnnotations, parseAnnotation } from './annotations.ts';
import { parseOutputs } from './output-options.ts';

const NAMES = [parseReference('127.0.0.1:5000/app:1')];
const one = (
  type: string,
  attrs: Record<string, string> = {},
  names = NAMES,
): ReturnType<typeof parseOutputs>[number] => parseOutputs([{ type, attrs }], names)[0]!;

test('without outputs the image is stored as it is', () => {
  const [output] = parseOutputs([], NAMES);
  assert.ok(output?.kind === 'image');
  assert.deepEqual([output.store, output.push, output.form.compression], [true, false, undefined]);
  assert.deepEqual(output.names, NAMES);
});

test('registry is an image that is pushed, docker without dest one that is stored', () => {
  const registry = one('registry');
  assert.ok(registry.kind === 'image');
  assert.deepEqual([registry.push, registry.form.compression], [true, 'gzip']);
  assert.equal(one('docker').kind, 'image');
  const archive = one('docker', { dest: 'a.tar' });
  assert.ok(archive.kind === 'archive');
  assert.deepEqual([archive.format, archive.tar, archive.form.compression], ['docker', true, undefined]);
});

test('an output has names of its own', () => {
  const output = one('image', { name: 'a,b:2' });
  assert.ok(output.kind === 'image');
  assert.deepEqual(output.names.map(formatReference), ['docker.io/library/a:latest', 'docker.io/library/b:2']);
});

test('compression, level and media types', () => {
  const form = (attrs: Record<string, string>): unknown => {
    const output = one('image', attrs);
    assert.ok(output.kind === 'image');
    const { compression, level, force, dockerTypes } = output.form;
    return [compression, level, force, dockerTypes];
  };
  assert.deepEqual(form({ compression: 'zstd', 'compression-level': '19' }), ['zstd', 19, false, false]);
  assert.deepEqual(form({ compression: 'uncompressed', 'force-compression': 'true' }), [
    'none',
    undefined,
    true,
    false,
  ]);
  assert.deepEqual(form({ 'oci-mediatypes': 'false' }), [undefined, undefined, false, true]);
  // Docker's family of media types has none for zstd.
  assert.deepEqual(form({ 'oci-mediatypes': 'false', compression: 'zstd' }), ['zstd', undefined, false, false]);
});

test('what cannot be is refused with its name', () => {
  const refused: [string, Record<string, string>, RegExp][] = [
    ['tarball', {}, /output type "tarball" does not exist/],
    ['local', {}, /type=local: dest is required/],
    ['oci', {}, /type=oci: dest is required/],
    ['local', { dest: '-' }, /a folder cannot go to standard output/],
    ['local', { dest: 'out', mode: 'move' }, /mode "move"/],
    ['image', { compression: 'xz' }, /compression "xz" is not supported/],
    ['image', { compression: 'gzip', 'compression-level': '12' }, /compression-level "12"/],
    ['image', { push: 'maybe' }, /push "maybe"/],
    ['image', { colour: 'red' }, /unknown option "colour"/],
    ['tar', { dest: 'x', 'annotation.a': 'b' }, /unknown option "annotation.a"/],
    ['image', { 'annotation-nowhere.a': 'b' }, /unknown annotation type/],
    ['image', { 'push-by-digest': 'true' }, /needs push=true/],
  ];
  for (const [type, attrs, message] of refused)
    assert.throws(() => one(type, attrs), { code: 'invalid_argument', message }, `${type} ${JSON.stringify(attrs)}`);
  assert.throws(() => one('registry', {}, []), { message: 'tag is needed when pushing to registry' });
});

test('two outputs cannot have one place', () => {
  const both = (...outputs: TypedOptions[]): unknown => parseOutputs(outputs, NAMES);
  assert.throws(
    () => both({ type: 'local', attrs: { dest: 'a' } }, { type: 'tar', attrs: { dest: 'a' } }),
    /two outputs are to be written to "a"/,
  );
  assert.throws(
    () => both({ type: 'registry', attrs: {} }, { type: 'registry', attrs: { compression: 'zstd' } }),
    /two outputs push "127.0.0.1:5000\/app:1"/,
  );
});

test('annotations name levels and platforms', () => {
  assert.deepEqual(parseAnnotation('org.example:a=b=c'), [{ level: 'manifest', key: 'org.example:a', value: 'b=c' }]);
  assert.deepEqual(parseAnnotation('index,manifest[linux/arm64/v8]:k='), [
    { level: 'index', key: 'k', value: '' },
    { level: 'manifest', platform: 'linux/arm64', key: 'k', value: '' },
  ]);
  for (const text of ['k', '=v', 'nowhere:k=v', 'index[linux/amd64]:k=v', 'manifest:=v', 'a b=c', 'manifest[/]:k=v'])
    assert.throws(() => parseAnnotation(text), { code: 'invalid_argument' }, text);
});

test('annotations are sorted, the last of a key wins, and only what is built can be annotated', () => {
  const platforms = [
    { os: 'linux', architecture: 'amd64' },
    { os: 'linux', architecture: 'arm64' },
  ];
  const all = ['z=1', 'a=1', 'a=2', 'manifest[linux/arm64]:m=3', 'index:i=4'].flatMap(parseAnnotation);
  assert.equal(JSON.stringify(annotationsAt(all, 'manifest', platforms[0])), '{"a":"2","z":"1"}');
  assert.equal(JSON.stringify(annotationsAt(all, 'manifest', platforms[1])), '{"a":"2","m":"3","z":"1"}');
  assert.deepEqual(annotationsAt(all, 'index'), { i: '4' });
  assert.equal(annotationsAt(all, 'index-descriptor'), undefined);
  checkAnnotations(all, platforms, true);
  assert.throws(() => checkAnnotations(all, platforms, false), /level index, but the image has no index/);
  assert.throws(() => checkAnnotations(all, platforms.slice(0, 1), true), /for platform linux\/arm64, but the build/);
});
