import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseArguments } from '../flags.ts';
import { UsageError } from '../usage-error.ts';
import { BUILD_FLAGS } from './flags.ts';
import { settingsOf } from './settings.ts';

const settings = (...argv: string[]) => settingsOf(parseArguments(argv, BUILD_FLAGS).flags, {});

test('--add-host is checked before anything is built', () => {
  const hosts = ['a:1.2.3.4', 'b=::1', 'c:[::1]', 'd:host-gateway'];
  assert.deepEqual(settings(...hosts.map((host) => `--add-host=${host}`)).extraHosts, hosts);
  for (const [word, reason] of [
    ['x', /^invalid argument "x" for "--add-host" flag: bad format for add-host: "x"$/],
    ['x:', /bad format/],
    [':1.2.3.4', /bad format/],
    ['x:1.2.3', /invalid IP address in add-host: "1\.2\.3"$/],
  ] as const)
    assert.throws(
      () => settings('--add-host', word),
      (error: Error) => error instanceof UsageError && reason.test(error.message),
      word,
    );
});

test('--build-context names a folder that is there, or an address', () => {
  const { contexts } = settings('--build-context', 'here=.', '--build-context', 'image=docker-image://alpine');
  assert.deepEqual(contexts, { here: process.cwd(), image: 'docker-image://alpine' });
  assert.throws(() => settings('--build-context', 'x=/not/there'), {
    code: 'not_found',
    message: 'failed to get build context x: stat /not/there: no such file or directory',
  });
});
