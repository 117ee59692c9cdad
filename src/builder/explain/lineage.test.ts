import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChainID } from '../../oci/index.ts';
import { parentDifference, type Lineage, type LineageBase, type LineageStep } from './lineage.ts';

const base = (digest: string, more: Partial<LineageBase> = {}): LineageBase => ({
  kind: 'base',
  reference: 'alpine',
  digest,
  platform: 'linux/amd64',
  chainId: digest as ChainID,
  ...more,
});
const step = (text: string, chainId: string, more: Partial<LineageStep> = {}): LineageStep => ({
  kind: 'step',
  key: `key of ${text}`,
  text,
  chainId: chainId as ChainID,
  ...more,
});
const why = (before: Lineage, now: Lineage): string =>
  parentDifference({ below: before, text: 'RUN last' }, { below: now, text: 'RUN last' }).message;

test('parentDifference() names what moved below everything', () => {
  const digests = ['sha256:aaaaaaaaaaaaaaaa', 'sha256:bbbbbbbbbbbbbbbb'] as const;
  const [one, two] = digests.map((digest) => base(digest));
  assert.equal(why([one!], [two!]), 'the base image "alpine" changed from sha256:aaaaaaaaaaaa to sha256:bbbbbbbbbbbb');
  assert.equal(why([one!, step('RUN a', '1')], [two!, step('RUN a', '2')]), why([one!], [two!]));
  assert.equal(why([one!], [base('x', { reference: 'debian' })]), 'the base image changed from "alpine" to "debian"');
  const arm = base('x', { platform: 'linux/arm64' });
  assert.deepEqual(parentDifference({ below: [one!], text: '' }, { below: [arm], text: '' }), {
    cause: 'platform',
    subject: 'alpine',
    message: 'the platform changed from "linux/amd64" to "linux/arm64"',
    before: 'linux/amd64',
    after: 'linux/arm64',
  });
});

test('parentDifference() names the lowest step that differs, with its place', () => {
  const a = step('RUN a', '1', { step: 2, place: '[2/4]' });
  const changed = step('COPY b /', '3', { key: 'other', step: 3, place: '[3/4]' });
  assert.equal(
    why([base('x'), a, step('COPY b /', '2')], [base('x'), a, changed]),
    'step [3/4] above it changed (COPY b /)',
  );
  const result = parentDifference(
    { below: [base('x'), a, step('COPY b /', '2')], text: 'RUN last' },
    { below: [base('x'), a, changed, step('RUN c', '4')], text: 'RUN last' },
  );
  assert.deepEqual([result.cause, result.parent, result.subject], ['parent', 3, 'COPY b /']);
});

test('parentDifference() tells new, removed and repeated steps apart', () => {
  const [a, b] = [step('RUN a', '1', { place: '[2/3]' }), step('RUN b', '2', { place: '[3/3]' })];
  assert.equal(why([base('x')], [base('x'), a]), 'step [2/3] above it is new (RUN a)');
  assert.equal(why([base('x'), a], [base('x')]), 'a step above it was removed (RUN a)');
  assert.equal(
    why([base('x'), b], [base('x'), a, { ...b, chainId: '3' as ChainID }]),
    'step [2/3] above it is new (RUN a)',
  );
  assert.equal(
    why([base('x'), a, b], [base('x'), { ...b, chainId: '3' as ChainID }]),
    'a step above it was removed (RUN a)',
  );
  assert.equal(
    why([base('x'), { ...a, chainId: '9' as ChainID }], [base('x'), a]),
    'step [2/3] above it ran again and gave another result (RUN a)',
  );
});

test('parentDifference() does not mind steps without a layer, and says so when it knows nothing', () => {
  const nothing = step('WORKDIR /', 'x');
  const a = step('RUN a', '1', { place: '[3/3]' });
  assert.equal(
    why([base('x'), nothing, { ...a, key: 'other', chainId: '2' as ChainID }], [base('x'), a]),
    'step [3/3] above it changed (RUN a)',
  );
  assert.equal(why([], [base('x'), a]), 'the layers below it changed');
});
