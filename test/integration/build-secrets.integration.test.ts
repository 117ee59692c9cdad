import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BuildTraces, Watched, filesHolding } from '../support/build-traces.ts';
import { BUSYBOX, importBusybox } from '../support/busybox.ts';
import { TestDaemon, daemonSkipReason } from '../support/test-daemon.ts';

const skip = daemonSkipReason() ?? false;
const CGROUP = `lading-secrets-test-${process.pid}/nested`;
const SECRET = `${randomBytes(12).toString('hex')}-Sëcret`;

describe('secrets and agents of builds', { skip }, () => {
  let daemon: TestDaemon;
  let folder: string;
  let secretFile: string;

  before(async () => {
    daemon = await TestDaemon.start({ flags: ['--debug'] });
    importBusybox(daemon);
    folder = mkdtempSync('/var/tmp/lading-secrets-');
    mkdirSync(join(folder, 'exported'));
    secretFile = join(folder, 'secret.txt');
    writeFileSync(secretFile, `${SECRET}\n`);
  });
  after(async () => {
    Watched.endAll();
    await daemon?.[Symbol.asyncDispose]();
    if (folder) rmSync(folder, { recursive: true });
  });

  /** A context of its own with this Dockerfile. */
  const contextOf = (lines: readonly string[]): string => {
    const context = mkdtempSync(join(folder, 'context-'));
    writeFileSync(join(context, 'Dockerfile'), `FROM ${BUSYBOX}\n${lines.join('\n')}\n`);
    return context;
  };
  const flags = ['build', '--progress', 'plain', '--cgroup-parent', CGROUP];
  const build = (lines: readonly string[], ...more: string[]): { status: number; text: string } => {
    const { status, stdout, stderr } = daemon.lading([...flags, ...more, contextOf(lines)]);
    return { status, text: stdout + stderr };
  };
  const holding = (): string[] =>
    [SECRET, Buffer.from(SECRET).toString('base64').slice(0, -4)].flatMap((bytes) =>
      filesHolding(bytes, [daemon.dir, daemon.dataRoot, join(folder, 'exported')]),
    );

  test('a secret is a file of its owner and mode in memory, a variable, or both; without one there is nothing', () => {
    const { status, text } = build(
      [
        'WORKDIR /w',
        'RUN --mount=type=secret,id=s --mount=type=secret,id=s,target=rel,mode=0444,uid=3,gid=4 ' +
          '--mount=type=secret,id=s,env=VARIABLE --mount=type=secret,id=no --mount=type=secret,id=no,env=EMPTY ' +
          'stat -c "%n %a %u %g %s" /run/secrets/* /w/rel; stat -f -c %T /run/secrets/s; ' +
          'echo "length ${#VARIABLE} [${EMPTY-unset}]"; touch /run/secrets/s 2>&1',
        'RUN find /run /w',
      ],
      '--secret',
      `id=s,src=${secretFile}`,
    );
    assert.equal(status, 1, 'a secret cannot be written to');
    assert.match(text, /\/run\/secrets\/s 400 0 0 33\n/);
    assert.match(text, /\/w\/rel 444 3 4 33\n/);
    assert.match(text, /tmpfs/);
    assert.match(text, /length 33 \[\]/);
    assert.match(text, /Read-only file system/);
    assert.doesNotMatch(text, /secrets\/no/);
  });

  test('mount points of secrets leave nothing in the layer', () => {
    const { status, text } = build(
      ['RUN --mount=type=secret,id=s --mount=type=secret,id=s,target=/etc/deep/x true', 'RUN ls /run; ls -d /etc/deep'],
      '--secret',
      `id=s,src=${secretFile}`,
    );
    assert.equal(status, 1);
    assert.match(text, /\/run: No such file/);
    assert.match(text, /\/etc\/deep: No such file/);
  });

  test('a required secret that was not given stops the build; its variable, its value by flag and its id alone do', () => {
    const step = ['RUN --mount=type=secret,id=LADING_S,required wc -c < /run/secrets/LADING_S'];
    const missing = build(step);
    assert.equal(missing.status, 1);
    assert.match(missing.text, /secret LADING_S: not found/);
    assert.match(missing.text, /hint: give it with --secret id=LADING_S,src=FILE/);
    const env = { LADING_S: 'twelve bytes' };
    const given = daemon.lading([...flags, '--secret', 'id=LADING_S', contextOf(step)], { env });
    assert.match(given.stderr, / 12\n/);
    const named = daemon.lading([...flags, '--secret', 'id=LADING_S,env=OTHER', contextOf(step)], {
      env: { OTHER: '7 bytes' },
    });
    assert.equal(named.status, 0, named.stderr);
  });

  test('its bytes are not in the cache key, its id is', () => {
    const context = contextOf(['RUN --mount=type=secret,id=s cat /run/secrets/s > /dev/null; echo ran']);
    const run = (value: string): string => {
      writeFileSync(join(folder, 'other'), value);
      return daemon.lading([...flags, '--secret', `id=s,src=${join(folder, 'other')}`, context]).stderr;
    };
    assert.match(run('first value'), / ran\n/);
    assert.match(run('second value'), /CACHED/);
    writeFileSync(
      join(context, 'Dockerfile'),
      `FROM ${BUSYBOX}\nRUN --mount=type=secret,id=t cat /run/secrets/t > /dev/null; echo ran\n`,
    );
    assert.match(daemon.lading([...flags, '--secret', `id=t,src=${secretFile}`, context]).stderr, / ran\n/);
  });

  test('nothing a build leaves behind holds a secret: after success, failure, cancellation and the end of the daemon', async () => {
    const use =
      'RUN --mount=type=secret,id=s --mount=type=secret,id=s,env=VARIABLE ' +
      'cat /run/secrets/s; echo "$VARIABLE"; base64 /run/secrets/s; printenv VARIABLE | base64; ';
    const secret = ['--secret', `id=s,src=${secretFile}`, '--no-cache', '-t', 'secretive'];
    const more = [
      '--provenance',
      'mode=max',
      '--sbom',
      'true',
      '--explain',
      '--cache-to',
      `type=local,mode=max,dest=${join(folder, 'exported')}`,
    ];
    const good = build([`${use} echo good > /made`, 'LABEL a=b'], ...secret, ...more);
    assert.equal(good.status, 0, good.text);
    assert.match(good.text, /\*\*\*\*/);
    assert.notDeepEqual(readdirSync(join(folder, 'exported')), []);
    assert.ok(!good.text.includes(SECRET), 'what a step prints hides it');
    assert.deepEqual(holding(), []);
    assert.ok(!daemon.ok('history', '--no-trunc', 'secretive').includes(SECRET));
    assert.ok(!daemon.ok('image', 'inspect', 'secretive').includes(SECRET));

    const bad = build([`${use} exit 3`], ...secret);
    assert.equal(bad.status, 1);
    assert.deepEqual(holding(), []);

    const traces = new BuildTraces(daemon, CGROUP);
    for (const signal of ['SIGINT', 'SIGKILL'] as const) {
      const context = contextOf([`${use} echo begun; sleep 1000`]);
      const client = new Watched(daemon.spawnLading([...flags, ...secret, context]));
      await client.says('begun\n');
      await client.end(signal);
      await traces.assertNone();
      assert.deepEqual(holding(), []);
    }
    for (const crashes of [false, true]) {
      // A daemon that is killed does not know that it made the parent.
      const own = crashes ? flags.slice(0, -2) : flags;
      const context = contextOf([`${use} echo begun; sleep 1000`]);
      const client = new Watched(daemon.spawnLading([...own, ...secret, context]));
      await client.says('begun\n');
      await (crashes ? daemon.kill9() : daemon.stop());
      await client.end();
      // What a killed daemon could not remove goes when the next one starts.
      if (!crashes) assert.deepEqual(holding(), []);
      await daemon.up();
      await traces.assertNone();
      assert.deepEqual(holding(), []);
    }
  });

  test('the search finds a secret that a Dockerfile does put into a layer', () => {
    const leak = build(
      ['RUN --mount=type=secret,id=s cp /run/secrets/s /leak'],
      '--secret',
      `id=s,src=${secretFile}`,
      '-t',
      'leak',
    );
    assert.equal(leak.status, 0, leak.text);
    assert.notDeepEqual(holding(), []);
    daemon.ok('rmi', 'leak');
    daemon.ok('builder', 'prune', '-af');
  });

  test('an agent is reached through a socket of its own, for the step only', { skip: noAgent() }, () => {
    const context = contextOf([
      'COPY root /',
      'RUN --mount=type=ssh --mount=type=ssh,id=b,target=/b.sock,mode=0666,uid=7 ' +
        'echo $SSH_AUTH_SOCK; stat -c "%n %a %u" $SSH_AUTH_SOCK /b.sock; ssh-add -l; ' +
        'SSH_AUTH_SOCK=/b.sock ssh-add -l; ssh-add -D 2>&1; ssh-add -x < /dev/null 2>&1; ssh-add -l',
      'RUN --mount=type=ssh,id=none sh -c "ssh-add -l; ls /run/buildkit 2>&1"; find /run /b.sock 2>&1; true',
    ]);
    copyWithLibraries('/usr/bin/ssh-add', join(context, 'root'));
    const key = join(folder, 'key');
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'of-the-test', '-f', key]);
    const { status, stderr } = daemon.lading([...flags, '--ssh', `default=${key}`, '--ssh', `b=${key}`, context]);
    assert.equal(status, 0, stderr);
    assert.match(stderr, / \/run\/buildkit\/ssh_agent\.0\n/);
    assert.match(stderr, /\/run\/buildkit\/ssh_agent\.0 600 0\n/);
    assert.match(stderr, /\/b\.sock 666 7\n/);
    assert.equal(stderr.match(/SHA256:\S+ of-the-test/g)?.length, 3, 'listed before and after the attempt to empty it');
    assert.match(stderr, /Failed to remove all identities/);
    assert.match(stderr, /\/run\/buildkit: No such file/);
    const required = build(['RUN --mount=type=ssh,required true']);
    assert.match(required.text, /unset ssh forward key default/);
    assert.equal(
      spawnSync('pgrep', ['-f', 'lading-ssh-'], { encoding: 'utf8' }).stdout,
      '',
      'the agents of the client are gone',
    );
  });
});

function noAgent(): string | false {
  return ['ssh-agent', 'ssh-add', 'ssh-keygen'].every((name) => existsSync(join('/usr/bin', name)))
    ? false
    : 'needs openssh-client';
}

/** A program of this machine and the libraries it is linked with, at the same places below `root`. */
function copyWithLibraries(program: string, root: string): void {
  const linked = spawnSync('ldd', [program], { encoding: 'utf8' }).stdout.match(/\/\S+/g) ?? [];
  for (const path of [program, ...linked]) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(path, join(root, path));
  }
}
