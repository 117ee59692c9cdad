import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseArguments } from '../flags.ts';
import { callOf } from './call.ts';
import { BUILD_FLAGS } from './flags.ts';

function call(...words: string[]) {
  return callOf(parseArguments(words, BUILD_FLAGS, { stopAtPositional: false }).flags);
}

test('callOf() reads --check and --call with its options', () => {
  assert.deepEqual(call(), { call: 'build', format: 'text', ignoreStatus: false });
  assert.deepEqual(call('--check'), { call: 'check', format: 'text', ignoreStatus: false });
  assert.deepEqual(call('--call=lint,format=json'), { call: 'check', format: 'json', ignoreStatus: false });
  assert.equal(call('--call=check,ignorestatus=true').ignoreStatus, true);
  assert.equal(call('--call=outline').call, 'outline');
  assert.throws(() => call('--call=nothing'), /invalid call "nothing": one of build, check/);
  assert.throws(() => call('--call=check,format=xml'), /invalid option "format=xml"/);
});
