import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyChanges } from './config-changes.ts';

test('applyChanges() applies Dockerfile instructions in order, with the environment so far', () => {
  const config = applyChanges({ Env: ['A=1'] }, [
    'ENV B=$A',
    'CMD ["x"]',
    'ENTRYPOINT ["/e"]',
    'EXPOSE 80',
    'LABEL k=v',
  ]);
  assert.deepEqual(config.Env, ['A=1', 'B=1']);
  assert.deepEqual(config.Cmd, ['x']);
  assert.deepEqual(config.Entrypoint, ['/e']);
  assert.deepEqual(config.ExposedPorts, { '80/tcp': {} });
  assert.deepEqual(config.Labels, { k: 'v' });
});

test('applyChanges() lets an entrypoint drop a command it did not set, as Docker does', () => {
  assert.equal(applyChanges({ Cmd: ['old'] }, ['ENTRYPOINT ["/e"]']).Cmd, undefined);
});

test('applyChanges() refuses what is more than configuration', () => {
  assert.throws(() => applyChanges({}, ['RUN true']), /RUN/);
  assert.throws(() => applyChanges({}, ['NONSENSE x']), /NONSENSE/i);
});
