import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StartError } from '../runtime.ts';
import { runtimeMessage, startFailure } from './start-error.ts';

const runc = (message: string): string =>
  `time="2026-11-23T11:28:03Z" level=error msg="${message.replaceAll('"', '\\"')}"\n`;
const CREATE = 'runc create failed: unable to start container process:';

/** Standard error as recorded on Debian 12 from runc 1.1.5 and crun 1.8.1. */
const RECORDED = [
  { stderr: runc(`${CREATE} exec: "nosuch": executable file not found in $PATH`), failure: 'not_found' },
  { stderr: runc(`${CREATE} exec: "/no/such": stat /no/such: no such file or directory`), failure: 'not_found' },
  { stderr: runc(`${CREATE} exec: "/etc/plain": permission denied`), failure: 'not_executable' },
  { stderr: runc(`${CREATE} error during container init: mkdir /etc/plain: not a directory`), failure: 'other' },
  { stderr: 'executable file `nosuch` not found in $PATH: No such file or directory\n', failure: 'not_found' },
  { stderr: 'open executable: Permission denied\n', failure: 'not_executable' },
  { stderr: 'open executable: Operation not permitted\n', failure: 'not_executable' },
  { stderr: 'chdir `/etc/plain`: Not a directory\n', failure: 'other' },
  // A mount source that is missing is no missing program.
  { stderr: runc(`${CREATE} mounting "/x" to rootfs at "/y": stat /x: no such file or directory`), failure: 'other' },
  { stderr: '', failure: 'other' },
] as const;

describe('startFailure()', () => {
  for (const { stderr, failure } of RECORDED)
    it(`is ${failure} for ${JSON.stringify(runtimeMessage(stderr))}`, () => {
      const { cause } = startFailure('create', 'runc', stderr, 'program');
      assert.ok(cause instanceof StartError);
      assert.equal(cause.failure, failure);
    });

  it('words a failed create as Docker does', () => {
    const error = startFailure('create', 'runc', RECORDED[0].stderr, 'nosuch');
    assert.equal(
      error.message,
      'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: ' +
        'unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown',
    );
    assert.equal(error.code, 'invalid_argument');
  });

  it("gives crun's findings in runc's words", () => {
    const words = (stderr: string, program: string): string => startFailure('exec', 'crun', stderr, program).message;
    assert.equal(
      words(RECORDED[4].stderr, 'nosuch'),
      'OCI runtime exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown',
    );
    assert.equal(
      words(RECORDED[5].stderr, '/etc/plain'),
      'OCI runtime exec failed: unable to start container process: exec: "/etc/plain": permission denied: unknown',
    );
  });

  it('keeps the last of several errors, its quotes and newlines restored', () => {
    const stderr = `${runc('first')}time="x" level=warning msg="ignored"\ntime="x" level=error msg="a \\"b\\"\\nc"\n`;
    assert.equal(runtimeMessage(stderr), 'a "b"\nc');
  });
});
