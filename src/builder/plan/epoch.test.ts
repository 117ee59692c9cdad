import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDockerfile } from '../../dockerfile/index.ts';
import { hostPlatform } from '../../oci/index.ts';
import { BuildArgs } from './build-args.ts';
import { formatEpoch, settleEpoch } from './epoch.ts';

function argsOf(given: Record<string, string>, text = 'FROM scratch'): BuildArgs {
  const platforms = { build: hostPlatform(), target: hostPlatform(), targetStage: 'default' };
  return new BuildArgs(given, parseDockerfile(text, { filename: 'Dockerfile' }), platforms);
}

const none = async (): Promise<undefined> => undefined;

test('settleEpoch() takes the argument, else the default before the first FROM', async () => {
  assert.equal(await settleEpoch(argsOf({}), none), undefined);
  assert.equal(await settleEpoch(argsOf({ SOURCE_DATE_EPOCH: '' }), none), undefined);
  assert.equal(await settleEpoch(argsOf({ SOURCE_DATE_EPOCH: '12' }), none), 12);
  const text = 'ARG SOURCE_DATE_EPOCH=34\nFROM scratch';
  assert.equal(await settleEpoch(argsOf({}, text), none), 34);
  assert.equal(await settleEpoch(argsOf({ SOURCE_DATE_EPOCH: '12' }, text), none), 12);
});

test('settleEpoch() makes "context" the time of the commit, for stages too', async () => {
  const args = argsOf({ SOURCE_DATE_EPOCH: 'context' });
  assert.equal(await settleEpoch(args, async () => 56), 56);
  assert.equal(args.valueOf('SOURCE_DATE_EPOCH', undefined), '56');
  const local = argsOf({}, 'ARG SOURCE_DATE_EPOCH=context\nFROM scratch');
  assert.equal(await settleEpoch(local, none), undefined);
  assert.equal(local.valueOf('SOURCE_DATE_EPOCH', undefined), '');
});

test('settleEpoch() refuses what is no time', async () => {
  for (const text of ['now', '-1', '1.5', '253402300800', '1e3'])
    await assert.rejects(settleEpoch(argsOf({ SOURCE_DATE_EPOCH: text }), none), { code: 'invalid_argument' }, text);
});

test('formatEpoch() writes whole seconds', () => {
  assert.equal(formatEpoch(1_700_000_000), '2023-11-14T22:13:20Z');
});
