import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseDaemonOptions } from './options.ts';

function parsed(argv: string[]): Exclude<ReturnType<typeof parseDaemonOptions>, string> {
  const options = parseDaemonOptions(argv, {}, 0);
  assert.ok(typeof options === 'object');
  return options;
}

test('parseDaemonOptions() takes dockerd names and derives the rest from the roots', () => {
  const options = parsed([
    '--data-root',
    '/d',
    '--exec-root=/e',
    '-D',
    '--insecure-registry',
    'a:5000',
    '--insecure-registry=b',
  ]);
  assert.equal(options.dataRoot, '/d');
  assert.deepEqual(options.hosts, ['unix:///e/lading.sock']);
  assert.equal(options.pidfile, '/e/ladingd.pid');
  assert.equal(options.debug, true);
  assert.deepEqual(options.insecureRegistries, ['a:5000', 'b']);
});

test('parseDaemonOptions() lets flags win over the configuration file', () => {
  const dir = mkdtempSync(join(tmpdir(), 'lading-options-'));
  try {
    const file = join(dir, 'daemon.json');
    writeFileSync(file, JSON.stringify({ 'data-root': '/from-file', 'registry-mirrors': ['http://m'], debug: true }));
    const options = parsed(['--config-file', file, '--data-root', '/from-flag']);
    assert.equal(options.dataRoot, '/from-flag');
    assert.deepEqual(options.registryMirrors, ['http://m']);
    assert.equal(options.debug, true);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('parseDaemonOptions() names what it does not know', () => {
  assert.throws(() => parsed(['--data-rot', '/x']), /unknown flag: --data-rot/);
  assert.throws(() => parsed(['--config-file', '/nonexistent/daemon.json']), /read configuration file/);
  assert.throws(() => parsed(['--host']), /flag needs an argument: --host/);
});

test('parseDaemonOptions() reads the limits of the build cache', () => {
  const flags = ['--build-cache-max-size', '20GB', '--build-cache-min-free=0', '--build-cache-max-age', '72h'];
  assert.deepEqual(parsed(flags).buildCache, { maxUsedBytes: 20e9, minFreeBytes: 0, maxAgeMs: 72 * 3600e3 });
  assert.throws(() => parsed(['--build-cache-max-size', 'much']), /a size like "20GB" is wanted/);
  assert.throws(() => parsed(['--build-cache-max-age', 'old']), /a time like "72h" is wanted/);
});
