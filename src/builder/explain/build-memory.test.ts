import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openMetadata } from '../../metadata/index.ts';
import type { ChainID } from '../../oci/index.ts';
import { BuildMemory } from './build-memory.ts';
import { BuildRuns } from './build-runs.ts';
import type { Lineage } from './lineage.ts';

function open(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'lading-build-memory-'));
  const metadata = openMetadata(join(dir, 'metadata.db'));
  t.after(() => {
    metadata.close();
    rmSync(dir, { recursive: true });
  });
  return { metadata, memory: new BuildMemory(metadata, dir), dir };
}

const BASE = { kind: 'base', reference: 'x', platform: 'linux/amd64', chainId: '0' as ChainID } as const;
const step = (text: string) => ({ kind: 'run', text, inputs: { args: [text] }, notes: {} });
const below = (...texts: string[]): Lineage => [
  BASE,
  ...texts.map((text, i) => ({ kind: 'step', key: text, text, chainId: String(i) as ChainID, step: i }) as const),
];

test('BuildMemory gives back a step with what lay below it', (t) => {
  const { memory } = open(t);
  memory.remember([{ key: 'k', memory: step('RUN c'), below: below('RUN a', 'RUN b') }]);
  const known = memory.step('k')!;
  assert.deepEqual(known.inputs, { args: ['RUN c'] });
  assert.deepEqual(
    memory.lineage(known).map((entry) => (entry.kind === 'step' ? entry.text : entry.reference)),
    ['x', 'RUN a', 'RUN b'],
  );
  assert.deepEqual(memory.sameText('run', 'RUN c'), ['k']);
  assert.equal(memory.step('other'), undefined);
});

test('BuildMemory keeps the latest few of equal texts', (t) => {
  const { memory } = open(t);
  for (let i = 0; i < 9; i++) memory.remember([{ key: `k${i}`, memory: step('RUN c'), below: below() }]);
  assert.deepEqual(memory.sameText('run', 'RUN c'), ['k8', 'k7', 'k6', 'k5']);
});

test('BuildMemory.trim() forgets the oldest steps and what only they needed', async (t) => {
  const { memory, metadata } = open(t);
  for (let i = 0; i < 6; i++) {
    memory.remember([{ key: `k${i}`, memory: step(`RUN ${i}`), below: below(`RUN below ${i}`) }]);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  memory.trim(2);
  assert.deepEqual(
    [0, 3, 4, 5].map((i) => memory.step(`k${i}`) !== undefined),
    [false, false, true, true],
  );
  assert.deepEqual(memory.sameText('run', 'RUN 0'), []);
  assert.equal(memory.lineage(memory.step('k5')!).length, 2);
  assert.equal(metadata.collection('build-lineages').list().length, 3);
});

test('BuildMemory has one salt a store', (t) => {
  const { memory, metadata, dir } = open(t);
  assert.equal(new BuildMemory(metadata, dir).salt, memory.salt);
  assert.notEqual(open(t).memory.salt, memory.salt);
});

test('BuildRuns keeps a few builds of each name, and as many names as fit', (t) => {
  const { metadata } = open(t);
  const runs = new BuildRuns(metadata);
  const step = { step: 2, place: '', stage: '', platform: '', kind: 'run', name: '', key: '' } as const;
  const run = (name: string, minute: number, status: 'ran' | 'cached' = 'ran') =>
    runs.add({ name, at: `2026-01-01T00:0${minute}:00Z`, tags: [], steps: [{ ...step, status }] });
  for (let minute = 0; minute < 8; minute++) run('a', minute);
  run('a', 8, 'cached');
  run('b', 9);
  assert.equal(runs.of('a').length, 6);
  assert.deepEqual(
    runs.of('a').map(({ at }) => at.slice(15, 16)),
    ['8', '7', '6', '5', '4', '3'],
  );
  assert.equal(runs.find().name, 'b');
  runs.trim(1);
  assert.deepEqual([runs.of('a').length, runs.of('b').length], [0, 1]);
  assert.throws(() => runs.find('a'), { code: 'not_found' });
});
