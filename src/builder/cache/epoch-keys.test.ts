import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holdsForEpoch, stepKeys, type MadeStep } from './epoch-keys.ts';

test('stepKeys() knows a step by its inputs, and with an epoch also by that', () => {
  const inputs = { kind: 'run', args: ['true'] };
  const plain = stepKeys(inputs, undefined);
  assert.equal(plain.own, plain.plain);
  const dated = stepKeys(inputs, 1000);
  assert.equal(dated.plain, plain.plain);
  assert.notEqual(dated.own, plain.own);
  assert.notEqual(dated.own, stepKeys(inputs, 1001).own);
  assert.deepEqual(dated.inputs, { ...inputs, epoch: 1000 });
});

test('holdsForEpoch() takes only layers whose times the epoch would leave alone', () => {
  const layer = {};
  const cases: [string, MadeStep, boolean][] = [
    ['no layer', {}, true],
    ['nothing known', { layer }, false],
    ['earlier times', { layer, times: { clock: false, latest: 999 } }, true],
    ['the epoch itself', { layer, times: { clock: false, latest: 1000 } }, true],
    ['a later time', { layer, times: { clock: false, latest: 1001 } }, false],
    ['times of the clock', { layer, times: { clock: true, latest: 5 } }, false],
    ['no layer of what is dated', { isDated: true }, true],
    ['earlier times of what is dated', { layer, times: { clock: false, latest: 5 }, isDated: true }, false],
    ['fractions of seconds', { layer, times: { clock: false, fractions: true, latest: 5 } }, false],
    ['only deletions', { layer, times: { clock: false } }, true],
  ];
  for (const [name, record, expected] of cases) assert.equal(holdsForEpoch(record, 1000), expected, name);
});
