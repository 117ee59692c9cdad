import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LadingError } from '../../errors/index.ts';
import { StartError } from '../../runtime/index.ts';
import { processFailure, runFailure, timeFailure } from './step-failure.ts';

const SHELL = ['/bin/sh', '-c', 'make "all"'];
const PROCESS = 'process "/bin/sh -c make \\"all\\"" did not complete';

test('a process that ends badly is told in BuildKit’s words', () => {
  const failed = { args: SHELL, exitCode: 3, outOfMemory: false, limits: undefined };
  assert.equal(processFailure(failed).message, `${PROCESS} successfully: exit code: 3`);
  const starved = processFailure({ ...failed, exitCode: 137, outOfMemory: true, limits: { memoryBytes: 3 << 19 } });
  assert.equal(starved.message, `${PROCESS} successfully: exit code: 137: out of memory`);
  assert.match(starved.hint ?? '', /1\.5 MiB of memory: raise --memory/);
  assert.equal(timeFailure(SHELL, 1500).message, `${PROCESS} within 1.5 s and was killed`);
});

test('one that cannot start says what is missing, without paths of this machine', () => {
  const start = (said: string, failure: 'not_found' | 'other' = 'other'): LadingError =>
    runFailure(SHELL, new LadingError('internal', 'long', { cause: new StartError(failure, said) }));
  const runc = 'runc run failed: unable to start container process: ';
  const missing = start(`${runc}exec: "/bin/sh": stat /bin/sh: no such file or directory`, 'not_found');
  assert.equal(missing.message, `${PROCESS} successfully: exec: "/bin/sh": stat /bin/sh: no such file or directory`);
  assert.match(missing.hint ?? '', /the image has no "\/bin\/sh"/);
  const mount = start(
    `${runc}error during container init: error mounting "/var/lib/x" to rootfs at "/etc/passwd": mount /var/lib/x:/etc/passwd (via /proc/self/fd/7), flags: 0x5000: not a directory`,
  );
  assert.equal(mount.message, `${PROCESS} successfully: cannot mount on "/etc/passwd": not a directory`);
  assert.equal(mount.code, 'invalid_argument');
  const proc = start(
    `${runc}error during container init: error mounting "/c" to rootfs at "/proc": "/run/x/rootfs/proc" cannot be mounted because it is not of type proc`,
  );
  assert.match(proc.message, /: cannot mount on "\/proc": cannot be mounted because it is not of type proc$/);
});

test('cancellation passes, other errors keep code and hint', () => {
  const cancelled = new LadingError('cancelled', 'run: cancelled');
  assert.equal(runFailure(SHELL, cancelled), cancelled);
  const user = runFailure(SHELL, new LadingError('invalid_argument', 'unable to find user x', { hint: 'h' }));
  assert.equal(user.message, `${PROCESS} successfully: unable to find user x`);
  assert.equal(user.hint, 'h');
});
