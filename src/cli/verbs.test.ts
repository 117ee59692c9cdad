import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mirrorOfHost, parseSuite } from './base-image/suite.ts';
import { tarOfFile } from './build/context.ts';
import { COMMANDS, findCommand } from './commands.ts';
import { parseCopyPath } from './copy/copy-path.ts';
import { displayablePorts } from './displayable-ports.ts';
import { startFailureStatus } from './exit-status.ts';
import { PlainDisplay } from './progress/build-plain.ts';
import { BuildSteps } from './progress/build-steps.ts';
import { suggest } from './suggest.ts';
import { DetachFilter, parseDetachKeys } from './terminal/detach-keys.ts';

test('every command of the table loads and has a help that can be shown', async () => {
  for (const entry of COMMANDS) {
    const command = await entry.load();
    assert.ok(entry.names.includes(command.name), `${entry.names.join()} loads ${command.name}`);
    const shorts = command.flags.map((flag) => flag.short).filter((short) => short !== undefined);
    assert.equal(new Set(shorts).size, shorts.length, `${command.name} has a short flag twice`);
  }
});

test('findCommand() prefers two words and knows groups', () => {
  assert.equal(findCommand(['container', 'ls', '-a'])?.['words' as never], 2);
  assert.equal(findCommand(['ps', '-a'])?.['words' as never], 1);
  assert.deepEqual(findCommand(['volume']), { group: 'volume' });
  assert.equal(findCommand(['nothing']), undefined);
  assert.equal(suggest('iamges', ['images', 'info']), 'images');
  assert.equal(suggest('xyzzy', ['images', 'info']), undefined);
});

test('startFailureStatus() tells 127, 126 and 125 apart by the runtime’s message', () => {
  const status = (message: string): number => startFailureStatus(new Error(message));
  // Messages of runc 1.1 as dockerd hands them on.
  assert.equal(status('exec: "nonexist": executable file not found in $PATH: unknown'), 127);
  assert.equal(status('exec: "/x": stat /x: no such file or directory: unknown'), 127);
  assert.equal(status('exec: "/bin": permission denied: unknown'), 126);
  assert.equal(status('exec: "/bin": is a directory: unknown'), 126);
  assert.equal(status('driver failed programming external connectivity'), 125);
});

test('displayablePorts() draws neighbours together', () => {
  const port = (PrivatePort: number, PublicPort?: number, IP?: string) => ({
    PrivatePort,
    Type: 'tcp',
    ...(PublicPort === undefined ? {} : { PublicPort, IP: IP ?? '0.0.0.0' }),
  });
  assert.equal(displayablePorts([port(81, 81), port(80, 80), port(443)]), '0.0.0.0:80-81->80-81/tcp, 443/tcp');
  assert.equal(
    displayablePorts([port(80, 18_080), port(80, 18_080, '::')]),
    '0.0.0.0:18080->80/tcp, [::]:18080->80/tcp',
  );
});

test('DetachFilter finds the keys across chunks and passes everything else', () => {
  const filter = new DetachFilter(parseDetachKeys());
  const write = (...bytes: number[]) => {
    const { pass, detached } = filter.write(Buffer.from(bytes));
    return [...pass, detached];
  };
  assert.deepEqual(write(97, 16), [97, false]);
  assert.deepEqual(write(98), [16, 98, false]);
  assert.deepEqual(write(16, 16), [16, false]);
  assert.deepEqual(write(17), [true]);
  assert.throws(() => parseDetachKeys('ctrl-?'), /invalid detach keys/);
});

test('parseCopyPath() tells containers from local paths', () => {
  assert.deepEqual(parseCopyPath('web:/etc'), { container: 'web', path: '/etc' });
  for (const path of ['./a:b', '/a:b', '-', 'plain']) assert.deepEqual(parseCopyPath(path), { path });
});

test('mirrorOfHost() reads both forms of apt’s sources', () => {
  const old =
    '# x\ndeb http://security.example/debian bookworm-security main\ndeb [signed-by=/k] http://m.example/debian bookworm main contrib\n';
  const deb822 = 'Types: deb\nURIs: https://n.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n';
  assert.equal(mirrorOfHost([old]), 'http://m.example/debian');
  assert.equal(mirrorOfHost([deb822]), 'https://n.example/debian');
  assert.equal(mirrorOfHost(['deb cdrom:[x]/ bookworm main\n']), undefined);
  assert.deepEqual(parseSuite('ubuntu:noble'), { distribution: 'ubuntu', name: 'noble' });
  assert.throws(() => parseSuite('../x'));
});

test('tarOfFile() writes a header whose checksum is right', () => {
  const tar = tarOfFile('Dockerfile', Buffer.from('FROM x\n'));
  const stored = Number.parseInt(tar.toString('latin1', 148, 154), 8);
  const sum = tar.subarray(0, 512).reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  assert.equal(stored, sum);
  assert.equal(tar.length % 512, 0);
  assert.equal(tar.toString('latin1', 512, 519), 'FROM x\n');
});

test('PlainDisplay prints a build the way BuildKit’s plain mode does', () => {
  let clock = 0;
  let out = '';
  const display = new PlainDisplay((words) => (out += words), new BuildSteps(() => clock));
  const step = { kind: 'step', total: 2, stage: '' } as const;
  display.show({ ...step, step: 1, place: '[1/2]', name: 'FROM alpine', status: 'cached' });
  display.show({ ...step, step: 2, place: '[2/2]', name: 'RUN make', status: 'started' });
  clock = 312;
  display.show({ kind: 'output', step: 2, stream: 'stdout', text: 'one\ntw' });
  display.show({ kind: 'output', step: 2, stream: 'stderr', text: 'o\nrest' });
  display.show({ ...step, step: 2, place: '[2/2]', name: 'RUN make', status: 'failed', durationMs: 1200 });
  display.finish(true);
  assert.equal(
    out,
    '#1 [1/2] FROM alpine\n#1 CACHED\n\n#2 [2/2] RUN make\n#2 0.312 one\n#2 0.312 two\n#2 1.200 rest\n#2 ERROR\n' +
      '------\n > [2/2] RUN make:\none\ntwo\nrest\n------\n',
  );
});
