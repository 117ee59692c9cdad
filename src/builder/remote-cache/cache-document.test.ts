import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLadingError } from '../../errors/index.ts';
import { chainIdOf, digestOf, type ChainID, type DiffID } from '../../oci/index.ts';
import { parseCacheDocument, placeOf } from './cache-document.ts';

const KEY = 'a'.repeat(64);
const DIFF = digestOf('layer') as string as DiffID;
const PARENT = digestOf('below') as string as ChainID;
const RECORD = { key: KEY, kind: 'run', text: 'RUN true', createdAt: '2026-01-01T00:00:00.123Z' };
const DOCUMENT = { schemaVersion: 1, rootfs: { diff_ids: [DIFF] }, records: [RECORD], selections: [], images: {} };

test('parseCacheDocument() keeps good records and leaves malformed ones out', () => {
  const rows: [string, object, boolean][] = [
    ['as it is', {}, true],
    ['with a layer', { diffId: DIFF, parent: PARENT, sizeBytes: 5 }, true],
    ['with inputs', { inputs: { args: ['true'] } }, true],
    ['a key that is none', { key: 'A'.repeat(64) }, false],
    ['a kind that is none', { kind: 'run\n' }, false],
    ['a text without end', { text: 'x'.repeat(70_000) }, false],
    ['a time that is none', { createdAt: '2026-13-01T00:00:00Z' }, false],
    ['a parent that is none', { parent: 'sha256:zz' }, false],
    ['a diffID of another algorithm', { diffId: `sha512:${'a'.repeat(128)}` }, false],
  ];
  for (const [name, change, kept] of rows) {
    const { records } = parseCacheDocument({ ...DOCUMENT, records: [{ ...RECORD, ...change }] });
    assert.deepEqual(records, kept ? [{ ...RECORD, ...change }] : [], name);
  }
  const { records } = parseCacheDocument({ ...DOCUMENT, records: [{ ...RECORD, sizeBytes: 1e300, inputs: 'x' }] });
  assert.deepEqual(records, [RECORD]);
});

test('placeOf() computes where a layer belongs, whatever the document says', () => {
  const [record] = parseCacheDocument({
    ...DOCUMENT,
    records: [{ ...RECORD, diffId: DIFF, parent: PARENT, chainId: digestOf('another') }],
  }).records;
  assert.equal(placeOf(record!), chainIdOf(PARENT, DIFF));
  assert.equal(placeOf({ ...RECORD, diffId: DIFF }), DIFF as string);
  assert.equal(placeOf(RECORD), undefined);
});

test('parseCacheDocument() throws nothing but its own error, whatever it is given', () => {
  const parses = (value: unknown): void => {
    try {
      parseCacheDocument(value);
    } catch (error) {
      assert.ok(isLadingError(error, 'invalid_argument'), String(error));
    }
  };
  const odd = [
    null,
    true,
    -1,
    1e300,
    '',
    '__proto__',
    'x',
    [],
    [[]],
    [null],
    {},
    { __proto__: null, a: [{}] },
    [{ key: KEY }],
  ];
  const fields = ['key', 'kind', 'text', 'createdAt', 'parent', 'diffId', 'sizeBytes', 'times', 'inputs'];
  for (const value of odd) {
    parses(value);
    for (const name of [...Object.keys(DOCUMENT), 'rootfs']) parses({ ...DOCUMENT, [name]: value });
    for (const name of fields) parses({ ...DOCUMENT, records: [{ ...RECORD, [name]: value }, value] });
    for (const name of ['key', 'chainId', 'digest']) parses({ ...DOCUMENT, selections: [{ [name]: value }, value] });
    parses({ ...DOCUMENT, images: { [KEY]: value, [JSON.stringify(value)]: RECORD.createdAt } });
  }
});
