import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareConfigs } from './compare-configs.ts';

test('compareConfigs() finds the first member that differs, times apart', () => {
  const config = { created: '1', config: { Env: ['A=1', 'B=2'], Labels: { x: 'y' } }, history: [{ created: '1' }] };
  assert.deepEqual(compareConfigs(config, structuredClone(config)), {});
  const env = { ...config, config: { ...config.config, Env: ['A=1', 'B=3'] } };
  assert.deepEqual(compareConfigs(config, env), { other: { field: 'config.Env[1]', before: '"B=2"', after: '"B=3"' } });
  const dated = { ...config, created: '2', history: [{ created: '2' }] };
  assert.deepEqual(compareConfigs(config, dated), { time: { field: 'created', before: '"1"', after: '"2"' } });
  const { config: _config, ...less } = config;
  assert.equal(compareConfigs(config, less).other?.after, 'nothing');
  assert.equal(compareConfigs(config, { ...config, author: 'me' }).other?.before, 'nothing');
});
