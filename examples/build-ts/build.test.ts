// node --test build.test.ts: needs no root, no daemon, no image.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plan } from 'lading/build';
import program from './build.ts';

const images = program({ args: {}, platform: 'linux/amd64' });

test('the page is built once, for whichever image is wanted', () => {
  const { stages, images: bases } = plan(images);
  assert.deepEqual(bases, ['${BASE}']);
  assert.equal(stages.flatMap(({ steps }) => steps).filter(({ text }) => text.includes('page.py", "index.html')).length, 1);
});

test('the server runs as its own user', async () => {
  const { config, runs } = await images['default']!.dryRun({ buildArgs: { BASE: 'debian:sid' } });
  assert.equal(config.User, 'shop');
  assert.deepEqual(Object.keys(config.ExposedPorts ?? {}), ['8080/tcp']);
  assert.match(runs[0]?.args.at(-1) ?? '', /^rm -f .*\n *apt-get update\n/);
});

test('only the development image is for developing', async () => {
  const debugging = program({ args: { DEBUG: '1' }, platform: 'linux/amd64' });
  const envOf = async (name: string) => (await debugging[name]!.dryRun()).config.Env ?? [];
  assert.ok((await envOf('dev')).includes('PYTHONDEVMODE=1'));
  assert.ok(!(await envOf('default')).includes('PYTHONDEVMODE=1'));
});
