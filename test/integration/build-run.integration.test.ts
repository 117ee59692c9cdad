import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BuildTraces, Watched, readIfThere, until } from '../support/build-traces.ts';
import { BUSYBOX, importBusybox } from '../support/busybox.ts';
import { TestDaemon, daemonSkipReason } from '../support/test-daemon.ts';

const skip = daemonSkipReason() ?? false;
const CGROUP = `lading-run-test-${process.pid}`;
const LADING = resolve(import.meta.dirname, '../../bin/lading');

describe('RUN steps', { skip }, () => {
  let daemon: TestDaemon;
  let folder: string;

  before(async () => {
    daemon = await TestDaemon.start();
    importBusybox(daemon);
    folder = mkdtempSync('/var/tmp/lading-run-');
  });
  after(async () => {
    Watched.endAll();
    await daemon?.[Symbol.asyncDispose]();
    if (folder) rmSync(folder, { recursive: true });
  });

  /** A context with this Dockerfile, which begins from busybox, and other files. */
  const contextOf = (lines: readonly string[], files: Readonly<Record<string, string>> = {}): string => {
    const context = mkdtempSync(join(folder, 'context-'));
    for (const [name, text] of Object.entries({ Dockerfile: `FROM ${BUSYBOX}\n${lines.join('\n')}\n`, ...files })) {
      mkdirSync(dirname(join(context, name)), { recursive: true });
      writeFileSync(join(context, name), text);
    }
    return context;
  };
  const flags = ['build', '--progress', 'plain', '--cgroup-parent', CGROUP];
  const buildIn = (context: string, ...more: string[]): { status: number; text: string } => {
    const { status, stdout, stderr } = daemon.lading([...flags, ...more, context]);
    // What steps print, without numbers and times.
    return { status, text: (stdout + stderr).replace(/^#\d+ \d+\.\d+ /gm, '') };
  };
  const build = (lines: readonly string[], ...more: string[]): { status: number; text: string } =>
    buildIn(contextOf(lines), ...more);
  const ok = (lines: readonly string[], ...more: string[]): string => {
    const { status, text } = build(lines, ...more);
    assert.equal(status, 0, text);
    return text;
  };

  describe('what a step sees', () => {
    test('is what BuildKit shows: environment, identity, files of the network, devices', () => {
      const text = ok(
        [
          'RUN env | sort | grep -vE "^(PWD|SHLVL)="; id; hostname; umask; grep -E "^Cap(Eff|Bnd|Inh)|^Seccomp:|^NoNewPrivs" /proc/self/status',
          'RUN cat /etc/hosts; stat -c "%n %a %u" /etc/hosts /etc/resolv.conf; touch /etc/hosts 2>&1; echo; ls /dev | tr "\\n" " "',
          'RUN cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range; cat /proc/1/comm; df -k /dev/shm | tail -1',
        ],
        '--add-host',
        'db:10.1.2.3',
      );
      assert.match(
        text,
        /^HOME=\/root\nPATH=\/usr\/local\/sbin:\/usr\/local\/bin:\/usr\/sbin:\/usr\/bin:\/sbin:\/bin\nuid=0/m,
      );
      assert.match(text, /^buildkitsandbox\n0022$/m);
      assert.match(
        text,
        /CapInh:\t0+\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2$/m,
      );
      assert.match(
        text,
        /^127\.0\.0\.1\tlocalhost buildkitsandbox\n::1\tlocalhost ip6-localhost ip6-loopback\n10\.1\.2\.3\tdb\n\/etc\/hosts 644 0\n\/etc\/resolv\.conf 644 0$/m,
      );
      assert.match(text, /touch: \/etc\/hosts: Read-only file system/);
      assert.match(text, /^fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero/m);
      assert.match(text, /^1024\n1\t0\n/m);
      assert.match(text, /65536 /);
    });

    test('proxy arguments need no ARG, and are in no key and no history', () => {
      const context = contextOf(['RUN echo "[$HTTP_PROXY][$no_proxy]"']);
      const proxies = (host: string): string[] => [
        '--build-arg',
        `HTTP_PROXY=http://${host}`,
        '--build-arg',
        'no_proxy=x',
      ];
      assert.match(buildIn(context, ...proxies('one'), '-t', 'proxied').text, /^\[http:\/\/one\]\[x\]$/m);
      assert.match(buildIn(context, ...proxies('two')).text, /CACHED/);
      assert.doesNotMatch(daemon.ok('history', '--no-trunc', 'proxied'), /PROXY=/);
    });
  });

  describe('networks and privileges', () => {
    test('none is a loopback alone; the host’s needs its entitlement, asked for before anything runs', () => {
      assert.match(ok(['RUN --network=none ip -o link | cut -d: -f2 | tr -d " \\n"; echo .']), /^lo\.$/m);
      const refused = build(['RUN echo not yet', 'RUN --network=host true']);
      assert.equal(refused.status, 1);
      assert.match(refused.text, /network\.host is not allowed\nDockerfile:3\n/);
      assert.match(refused.text, /hint: build with --allow network\.host/);
      assert.doesNotMatch(refused.text, /^not yet$/m);
      const links = ok(['RUN --network=host readlink /proc/self/ns/net'], '--allow', 'network.host');
      assert.ok(links.includes(hostNetwork()), links);
      assert.ok(ok(['RUN echo; readlink /proc/self/ns/net'], '--network', 'host').includes(hostNetwork()));
      assert.match(build(['RUN true'], '--network', 'mine').text, /network mode "mine" not supported/);
    });

    test('insecure has all capabilities and devices, and needs its entitlement', () => {
      const step = [
        'RUN --security=insecure mkdir /m && mount -t tmpfs t /m && grep Seccomp: /proc/self/status; ls /dev | wc -l',
      ];
      const refused = build(step);
      assert.match(refused.text, /security\.insecure is not allowed\nDockerfile:2/);
      const text = ok(step, '--allow', 'security.insecure');
      assert.match(text, /^Seccomp:\t0$/m);
      assert.match(build(['RUN mount -t tmpfs t /tmp']).text, /exit code/);
      assert.match(build(['RUN true'], '--allow', 'everything').text, /unknown entitlement "everything"/);
      assert.match(build(['RUN --device=a.b/c=d true']).text, /RUN --device is not supported/);
    });
  });

  describe('limits', () => {
    test('hold for the step and are not in its key', () => {
      const context = contextOf([
        'RUN ulimit -n; df -k /dev/shm | tail -1; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true',
      ]);
      const first = buildIn(context, '--ulimit', 'nofile=100:200', '--shm-size', '2m', '--resource', 'pids=23');
      assert.match(first.text, /^100\nshm +2048 .*\n23$/m);
      assert.match(buildIn(context, '--memory', '100m').text, /CACHED/);
    });

    test('a step that needs more memory than it may have says so', { skip: outOfMemorySkip() }, () => {
      const { status, text } = build(['RUN tail /dev/zero'], '--memory', '20m');
      assert.equal(status, 1);
      assert.match(
        text,
        /process "\/bin\/sh -c tail \/dev\/zero" did not complete successfully: exit code: 137: out of memory/,
      );
      assert.match(text, /hint: the step may take 20 MiB of memory: raise --memory/);
    });

    test('a step that prints more than its reader takes waits, and costs the daemon no memory', async () => {
      const peakKb = (): number =>
        Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1]);
      const before = peakKb();
      const context = contextOf(['RUN yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']);
      const traces = new BuildTraces(daemon, CGROUP);
      const client = new Watched(daemon.spawnLading([...flags, context]));
      // The client stops reading: the daemon's socket fills, and then the step has to wait.
      await until('the step runs', () => traces.list().some((path) => path.includes('/steps/')));
      client.process.kill('SIGSTOP');
      await until('the step waits', () => writerIsBlocked());
      assert.ok(peakKb() - before < 100 * 1024, `${peakKb() - before} KB more than before`);
      await client.end('SIGKILL');
      await traces.assertNone();
    });

    test('a step that takes too long is killed, with all it started', async () => {
      const traces = new BuildTraces(daemon, CGROUP);
      const { status, text } = build(['RUN sleep 1000 & sleep 1000'], '--resource', 'timeout=200ms');
      assert.equal(status, 1);
      assert.match(text, /did not complete within 0\.2 s and was killed/);
      assert.match(text, /hint: the time of a step is limited by --resource timeout/);
      await traces.assertNone();
    });
  });

  describe('mounts', () => {
    test('caches are told apart by id, namespace, owner and first files, as in BuildKit', () => {
      const text = ok([
        'WORKDIR /w',
        'RUN mkdir -p /seed/s && echo seeded > /seed/s/f && chown 5:6 /seed',
        `FROM ${BUSYBOX} AS last`,
        'WORKDIR /w',
        'RUN --mount=type=cache,target=c1 echo a > c1/a',
        'RUN --mount=type=cache,target=/w/c1 echo "absolute [$(ls c1)]"',
        'RUN --mount=type=cache,id=c1,target=/other echo "by id [$(ls /other)]"',
        'RUN --mount=type=cache,id=m,target=/m,mode=0700,uid=7,gid=8 touch /m/x; stat -c "owner %a %u %g" /m',
        'RUN --mount=type=cache,id=m,target=/m echo "ownerless [$(ls /m)]"; stat -c "default %a %u %g" /m',
        'RUN --mount=type=cache,id=f,from=0,source=/seed,target=/f stat -c "seed %u %g" /f; cat /f/s/f; echo more > /f/more',
        'RUN --mount=type=cache,id=f,from=0,source=/seed,target=/f echo "kept [$(ls /f | tr "\\n" " ")]"',
        'RUN --mount=type=cache,id=f,from=0,target=/f rm -r /f/seed && ln -s ../../../../../../etc /f/seed',
        'RUN --mount=type=cache,id=f,from=0,source=/seed,target=/f echo "inside [$(ls /f | tr "\\n" " ")]"',
        'RUN --mount=type=cache,id=f,target=/f echo "unseeded [$(ls /f)]"',
        'RUN --mount=type=cache,id=ro,target=/ro,ro touch /ro/x 2>&1 || true',
      ]);
      for (const line of [
        'absolute []',
        'by id [a]',
        'owner 700 7 8',
        'ownerless []',
        'default 755 0 0',
        'seed 5 6',
        'seeded',
        'kept [more s ]',
        'inside [group passwd ]',
        'unseeded []',
        'touch: /ro/x: Read-only file system',
      ])
        assert.ok(text.includes(`${line}\n`), `${line} in\n${text}`);
      const named = ok(
        ['RUN --mount=type=cache,id=c1,target=/c echo "other [$(ls /c)]"'],
        '--build-arg',
        'BUILDKIT_CACHE_MOUNT_NS=n',
      );
      assert.match(named, /^other \[\]$/m);
      const missing = build(['RUN --mount=type=cache,target=/c,source=sub true']);
      assert.match(missing.text, /open \/sub: no such file or directory/);
    });

    test('private caches are not shared by steps that run together, locked ones wait', () => {
      const use = (sharing: string): string =>
        `RUN --mount=type=cache,id=${sharing},target=/c,sharing=${sharing} ls /c > /before; touch /c/$NAME; sleep 0.3; ls /c > /after; rm /c/$NAME`;
      const stage = (name: string, sharing: string): string[] => [
        `FROM ${BUSYBOX} AS ${name}`,
        `ENV NAME=${name}`,
        use(sharing),
      ];
      const text = ok([
        ...['private', 'locked'].flatMap((sharing) =>
          ['a', 'b'].flatMap((name) => stage(`${sharing}${name}`, sharing)),
        ),
        `FROM ${BUSYBOX}`,
        ...['privatea', 'privateb', 'lockeda', 'lockedb'].map((name) => `COPY --from=${name} /before /after /${name}/`),
        'RUN for d in privatea privateb lockeda lockedb; do echo "$d before=$(cat /$d/before) after=$(cat /$d/after)"; done',
      ]);
      for (const name of ['privatea', 'privateb', 'lockeda', 'lockedb'])
        assert.ok(text.includes(`${name} before= after=${name}\n`), text);
    });

    test('bind mounts show files, folders and what links lead to; what is written is lost', () => {
      const context = contextOf(
        [
          'RUN mkdir -p /src/sub && echo one > /src/sub/f && ln -s sub /src/l && ln -s /src/sub/f /src/abs',
          `FROM ${BUSYBOX}`,
          'WORKDIR /w',
          'RUN --mount=target=ctx,rw echo new > ctx/new; echo changed > ctx/f.txt; cat ctx/new ctx/f.txt; stat -c "%n %u" ctx/f.txt',
          'RUN --mount=target=ctx touch ctx/new 2>&1; cat ctx/f.txt; ls ctx',
          'RUN --mount=from=0,source=src/sub/f,target=/bin/one cat /bin/one',
          'RUN --mount=from=0,source=/src,target=/w/a --mount=from=0,source=/src/sub,target=/w/a/sub,rw echo x > a/sub/new; ls a a/sub | tr "\\n" " "; echo',
          'RUN --mount=from=0,source=/src/l,target=/l ls /l; ls /w',
          'RUN --mount=from=0,source=/src/abs,target=/abs cat /abs; find / -xdev -name "abs" -o -xdev -name ctx',
          'RUN --mount=from=0,source=/src,target=/bin/sub,rw true; ls -d /bin/sub',
        ],
        { 'f.txt': 'original\n' },
      );
      chownSync(context, 1234, 1234);
      chownSync(join(context, 'f.txt'), 1234, 1234);
      const { text } = buildIn(context);
      assert.match(text, /^new\nchanged$/m);
      assert.match(text, /^ctx\/f\.txt 0$/m);
      assert.match(text, /^touch: ctx\/new: Read-only file system\noriginal\nDockerfile\nf\.txt$/m);
      assert.match(text, /RUN --mount=from=0,source=src\/sub\/f.*\none\n/);
      assert.match(text, /^a: abs l sub {2}a\/sub: f new $/m);
      assert.match(text, /target=\/l ls \/l; ls \/w\nf\n#/m, 'nothing of the mounts is left in /w');
      assert.match(text, /^one\n\/abs$/m);
      assert.match(text, /ls: \/bin\/sub: No such file|^\/bin\/sub$/m);
    });

    test('what is mounted below a context cannot be written through a bind mount', () => {
      const context = contextOf(['RUN --mount=target=/ctx cat "/ctx/a b/f"; echo evil > "/ctx/a b/f"; ls /ctx'], {
        'a b/under': '',
      });
      const outside = mkdtempSync(join(folder, 'outside-'));
      writeFileSync(join(outside, 'f'), 'of the machine\n');
      const at = join(context, 'a b');
      assert.equal(spawnSync('mount', ['--bind', outside, at]).status, 0);
      try {
        const { text } = buildIn(context);
        assert.match(text, /^of the machine$/m);
        assert.match(text, /Read-only file system/);
        assert.equal(readFileSync(join(outside, 'f'), 'utf8'), 'of the machine\n');
      } finally {
        spawnSync('umount', [at]);
      }
    });

    test('a program that is not there, cannot run, or has no such user is named', () => {
      const reasons: readonly (readonly [string, RegExp])[] = [
        [
          'RUN ["nope", "x"]',
          /process "nope x" did not complete successfully: exec: "nope": executable file not found in \$PATH/,
        ],
        ['RUN ["/etc/passwd"]', /exec: "\/etc\/passwd": permission denied/],
        [
          'SHELL ["/bin/bash", "-c"]\nRUN x',
          /hint: the image has no "\/bin\/bash": RUN \["program", "argument"\] needs no shell/,
        ],
        ['USER somebody\nRUN x', /unable to find user somebody: no matching entries in passwd file/],
      ];
      for (const [lines, reason] of reasons) assert.match(build([lines]).text, reason);
    });

    test('memory has the size it was given', () => {
      const text = ok([
        'RUN --mount=type=tmpfs,target=t,size=1m grep " /t " /proc/self/mounts; dd if=/dev/zero of=/t/x bs=1M count=3 2>&1 | head -1',
        'RUN ls -d /t || echo gone',
      ]);
      assert.match(text, /tmpfs \/t tmpfs rw,nosuid,relatime,size=1024k/);
      assert.match(text, /No space left on device/);
      assert.match(text, /^gone$/m);
    });

    test('what cannot be mounted is told in Docker’s words', () => {
      for (const [mount, reason] of [
        ['type=bind,source=nope,target=/x', /failed to compute cache key: .*"\/nope": not found/],
        ['type=bind,source=../../etc,target=/x', /"\/etc": not found/],
        ['type=bind,source=d', /invalid mount target "\/"/],
        ['target=/', /invalid mount target "\/"/],
        ['type=cache,id=x', /invalid mount target "\/"/],
        ['type=tmpfs', /invalid mount target "\/"/],
        ['type=ssh,source=x,target=/x', /ssh does not support source/],
        ['type=secret,target=/x,from=y', /secret mount should not have a from/],
        ['type=magic,target=/x', /unsupported mount type "magic"/],
        [
          'type=tmpfs,target=/etc/passwd',
          /process "\/bin\/sh -c true" did not .*: cannot mount on "\/etc\/passwd": not a directory/,
        ],
      ] as const) {
        const { status, text } = build([`RUN --mount=${mount} true`]);
        assert.equal(status, 1, mount);
        assert.match(text, reason);
        assert.match(text, /Dockerfile:2\n/);
      }
    });
  });

  describe('a build that ends early leaves nothing', () => {
    /** A build whose step says "begun" and goes on for ever. */
    const begun = async (lines: readonly string[], ...more: string[]): Promise<Watched> => {
      const client = new Watched(daemon.spawnLading([...flags, ...more, contextOf(lines)]));
      await client.says('begun\n');
      return client;
    };

    for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const)
      test(`client ended by ${signal}`, async () => {
        const traces = new BuildTraces(daemon, CGROUP);
        const client = await begun([
          'RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --mount=target=/ctx,rw sleep 1000 & echo begun; sleep 1000',
        ]);
        assert.notDeepEqual(traces.list(), [], 'there is something while it runs');
        await client.end(signal);
        await traces.assertNone();
      });

    test('daemon stopped, and killed', async () => {
      for (const crashes of [false, true]) {
        const traces = new BuildTraces(daemon, CGROUP);
        const client = await begun(
          ['RUN --mount=type=tmpfs,target=/t echo begun; sleep 1000'],
          ...(crashes ? ['--cgroup-parent', ''] : []),
        );
        await (crashes ? daemon.kill9() : daemon.stop());
        assert.equal(await client.end(), 1);
        await daemon.up();
        await traces.assertNone();
      }
    });

    test('while a locked cache is waited for; the one who has it goes on, and the next gets it', async () => {
      const mount = 'RUN --mount=type=cache,id=lock,target=/c,sharing=locked';
      const flag = '--mount=type=cache,id=flag,target=/f';
      const holder = await begun([
        `${mount} ${flag} echo begun; while ! test -e /f/go; do sleep 0.05; done; touch /c/held`,
      ]);
      const traces = new BuildTraces(daemon, CGROUP);
      const during = traces.list();
      const waiter = new Watched(daemon.spawnLading([...flags, '--name', 'waiter', contextOf([`${mount} echo mine`])]));
      await waiter.says('echo mine');
      await waiter.end('SIGINT');
      await until('it is recorded as cancelled', () => /waiter.*cancelled/i.test(daemon.ok('builds', 'ls')));
      assert.deepEqual(traces.list(), during, 'the waiter has left nothing, the holder has all it had');
      const next = new Watched(daemon.spawnLading([...flags, contextOf([`${mount} echo "found [$(ls /c)]"`])]));
      await next.says('echo "found');
      ok([`RUN ${flag} touch /f/go`]);
      assert.equal(await holder.end(), 0, holder.text);
      assert.equal(await next.end(), 0, next.text);
      assert.match(next.text, / found \[held\]\n/);
    });

    test('a step that fails ends the others, which are shown as cancelled', async () => {
      const traces = new BuildTraces(daemon, CGROUP);
      const { status, text } = build([
        'RUN sleep 1000',
        `FROM ${BUSYBOX} AS wrong`,
        'RUN sleep 0.3; echo the culprit; exit 4',
        `FROM ${BUSYBOX}`,
        'COPY --from=0 / /',
        'COPY --from=wrong / /',
      ]);
      assert.equal(status, 1);
      assert.match(text, /^#\d+ CANCELED$/m);
      assert.match(text, /------\n > \[wrong .*:\nthe culprit\n------\n/);
      assert.match(text, /ERROR: failed to build: process "\/bin\/sh -c sleep 0\.3; echo the culprit; exit 4"/);
      await traces.assertNone();
    });

    test('steps that wait for a locked cache take no place from others', async () => {
      const mount = 'RUN --mount=type=cache,id=apt,target=/c,sharing=locked';
      const flag = '--mount=type=cache,id=flag2,target=/f';
      const holder = await begun([`${mount} ${flag} echo begun; while ! test -e /f/go; do sleep 0.05; done`]);
      const stages = Array.from({ length: 12 }, (_, i) => [
        `FROM ${BUSYBOX} AS s${i}`,
        `${mount} echo s${i} > /s`,
      ]).flat();
      const copies = Array.from({ length: 12 }, (_, i) => `COPY --from=s${i} /s /s${i}`);
      const context = contextOf([...stages, `FROM ${BUSYBOX}`, 'RUN echo not held up', ...copies]);
      const other = new Watched(daemon.spawnLading([...flags, context]));
      await other.says(' not held up\n');
      ok([`RUN ${flag} touch /f/go`]);
      assert.equal(await other.end(), 0, other.text);
      assert.equal(await holder.end(), 0, holder.text);
    });

    test('while another build does the same step; that one goes on', async () => {
      const flag = '--mount=type=cache,id=flag3,target=/f';
      const lines = [`RUN ${flag} echo begun; while ! test -e /f/go; do sleep 0.05; done; echo over`];
      const first = await begun(lines);
      const second = new Watched(daemon.spawnLading([...flags, '--name', 'second', contextOf(lines)]));
      await second.says('RUN --mount');
      await second.end('SIGINT');
      await until('it is recorded as cancelled', () => /second.*cancelled/i.test(daemon.ok('builds', 'ls')));
      ok([`RUN ${flag} touch /f/go`]);
      assert.equal(await first.end(), 0, first.text);
      assert.match(first.text, / over\n/);
    });

    test('in the middle of a COPY, and of a layer that is written', async () => {
      const context = contextOf(['COPY big /big'], { big: '' });
      truncateSync(join(context, 'big'), 300 * 2 ** 20);
      const traces = new BuildTraces(daemon, CGROUP);
      const copying = new Watched(daemon.spawnLading([...flags, context]));
      await until(
        'the copy is under way',
        () => traces.list().some((path) => path.includes('/build/mounts/')) || copying.process.exitCode !== null,
      );
      await copying.end('SIGKILL');
      await traces.assertNone();
      const writing = new Watched(daemon.spawnLading([...flags, contextOf(['RUN truncate -s 300M /big'])]));
      await until(
        'the layer is written',
        () => traces.list().some((path) => path.includes('/content/staging/')) || writing.process.exitCode !== null,
      );
      await writing.end('SIGKILL');
      await traces.assertNone();
    });
  });

  describe('--on-error shell', { skip: existsSync('/usr/bin/script') ? false : 'needs script' }, () => {
    const failing = [
      'RUN mkdir -m 777 /d',
      'ENV COLOR=blue',
      'WORKDIR /w',
      'USER 1000',
      'RUN --mount=type=secret,id=s,uid=1000 --mount=type=cache,target=/c,uid=1000 echo half > /d/done; touch /c/kept; exit 7',
    ];

    /** The command line on a terminal of its own. */
    const onTerminal = (context: string): Watched => {
      const file = join(folder, 'shell-secret');
      writeFileSync(file, 'of the shell\n');
      const command = [LADING, ...flags, '--on-error', 'shell', '--secret', `id=s,src=${file}`, context].join(' ');
      return new Watched(
        spawn('script', ['-qec', command, '/dev/null'], {
          env: { ...process.env, LADING_HOST: daemon.host, SHELL: '/bin/sh' },
          stdio: ['pipe', 'pipe', 'pipe'],
        }),
      );
    };

    test('opens one in the failed step, with its files, mounts, environment, folder and user', async () => {
      const traces = new BuildTraces(daemon, CGROUP);
      const client = onTerminal(contextOf(failing));
      await client.says('This is a shell in the failed step');
      await client.says('echo half > /d/done; touch /c/kept; exit 7\r\n');
      await client.says('$ ');
      client.process.stdin?.write(
        'echo "$(id -u):$(pwd):$COLOR:$(cat /d/done /run/secrets/s | tr "\\n" ":")$(ls /c)" ; exit\n',
      );
      await client.says('1000:/w:blue:half:of the shell:kept');
      assert.equal(await client.end(), 1);
      assert.match(client.text, /did not complete successfully: exit code: 7\r?\nDockerfile:6/);
      // The step before the failed one is a layer of the cache now.
      await traces.assertOnlyLayers();
    });

    test('the client that goes away releases it', async () => {
      const traces = new BuildTraces(daemon, CGROUP);
      const client = onTerminal(contextOf([...failing.slice(0, -1), 'RUN echo again; exit 8']));
      await client.says('$ ');
      assert.ok(traces.list().some((path) => path.includes('/steps/')));
      await client.end('SIGKILL');
      await traces.assertOnlyLayers();
    });

    test('without a terminal it says so, and the build fails as usual', () => {
      const { status, text } = build(['RUN exit 9'], '--on-error', 'shell');
      assert.equal(status, 1);
      assert.match(text, /--on-error shell needs a terminal/);
      assert.match(text, /exit code: 9/);
    });
  });
});

function hostNetwork(): string {
  return readlinkSync('/proc/self/ns/net');
}

/** Only runc keeps a cgroup until it can be asked. */
function outOfMemorySkip(): string | false {
  return existsSync('/usr/bin/runc') || existsSync('/usr/sbin/runc') ? false : 'needs runc';
}

/** Whether the one process of this machine that repeats our word sleeps in its write. */
function writerIsBlocked(): boolean {
  const found = spawnSync('pgrep', ['-f', 'yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'], { encoding: 'utf8' });
  return found.stdout.split('\n').some((pid) => pid !== '' && readIfThere(`/proc/${pid}/wchan`).includes('pipe'));
}
