import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeConfig, mergeEnv } from './merge-config.ts';
import { programOf } from './container-record.ts';

const IMAGE = {
  Entrypoint: ['/entry'],
  Cmd: ['default'],
  Env: ['PATH=/bin', 'A=1'],
  WorkingDir: '/srv',
  User: 'app',
  Labels: { a: '1', b: '1' },
};

// Docker's table of ENTRYPOINT and CMD (Dockerfile reference, "Understand how CMD and ENTRYPOINT interact").
const PROGRAMS = [
  { name: 'nothing given: both of the image', asked: {}, program: ['/entry', 'default'] },
  { name: "a command replaces the image's", asked: { Cmd: ['own'] }, program: ['/entry', 'own'] },
  { name: "an entrypoint drops the image's command", asked: { Entrypoint: ['/own'] }, program: ['/own'] },
  { name: 'both given', asked: { Entrypoint: ['/own'], Cmd: ['x'] }, program: ['/own', 'x'] },
  { name: '--entrypoint "" clears it', asked: { Entrypoint: [''], Cmd: ['sh'] }, program: ['sh'] },
];
for (const { name, asked, program } of PROGRAMS)
  test(`mergeConfig() decides what runs: ${name}`, () => {
    assert.deepEqual(programOf(mergeConfig(IMAGE, { Image: 'i', ...asked })), program);
  });

test('mergeConfig() joins environment and labels, the container winning', () => {
  const merged = mergeConfig(IMAGE, { Image: 'i', Env: ['A=2', 'B=3'], Labels: { b: '2' } });
  assert.deepEqual(merged.Env, ['PATH=/bin', 'A=2', 'B=3']);
  assert.deepEqual(merged.Labels, { a: '1', b: '2' });
  assert.equal(merged.User, 'app');
  assert.equal(merged.WorkingDir, '/srv');
});

test('mergeConfig() refuses a container with nothing to run, and a relative working directory', () => {
  assert.throws(() => mergeConfig({}, { Image: 'i' }), /no command specified/);
  assert.throws(() => mergeConfig(IMAGE, { Image: 'i', WorkingDir: 'srv' }), /needs to be an absolute path/);
});

test('mergeEnv() lets a bare name remove a variable', () => {
  assert.deepEqual(mergeEnv(['A=1', 'B=2'], ['A']), ['B=2']);
});
