import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { appendFile, chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { LadingError } from '../../src/errors/index.ts';
import {
  cgroupLayout,
  openRuntime,
  StartError,
  type ContainerPaths,
  type ContainerRuntime,
  type ContainerSpec,
  type CreateOptions,
  type Exit,
  type LogLine,
  type LogQuery,
  type ProcessSpec,
} from '../../src/runtime/index.ts';

const BUSYBOX = '/bin/busybox';
const APPLETS = ['sh', 'true', 'cat', 'sleep', 'grep', 'id', 'hostname', 'stty', 'touch', 'mount', 'seq', 'ls', 'tail'];
const PATH = 'PATH=/bin';

const missing = [
  process.getuid?.() === 0 ? '' : 'needs root',
  existsSync(BUSYBOX) ? '' : 'needs the package busybox-static',
  existsSync('/usr/bin/conmon') ? '' : 'needs the package conmon',
].filter(Boolean);

interface Container {
  readonly id: string;
  readonly paths: ContainerPaths;
  /** Standard output, error and the exit of a run from start to end. */
  run(stdin?: string): Promise<{ stdout: string; stderr: string; exit: Exit }>;
}

describe('container runtime', { skip: missing.length > 0 && missing.join(', ') }, () => {
  let dir = '';
  let rootfs = '';
  let runtime: ContainerRuntime;
  const created: Container[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'lading-runtime-'));
    rootfs = join(dir, 'rootfs');
    for (const folder of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp'])
      await mkdir(join(rootfs, folder), { recursive: true });
    await copyFile(BUSYBOX, join(rootfs, 'bin/busybox'));
    for (const applet of APPLETS) await symlink('busybox', join(rootfs, 'bin', applet));
    await writeFile(join(rootfs, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n');
    await writeFile(join(rootfs, 'etc/group'), 'root:x:0:\napp:x:1000:\nextra:x:2000:app\n');
    await writeFile(join(rootfs, 'etc/plain'), 'no program\n');
    runtime = await open();
  });

  after(async () => {
    for (const { id, paths } of created) await runtime.delete(id, paths);
    await rm(dir, { recursive: true, force: true });
    for (const hierarchy of cgroupLayout().hierarchies) {
      const left = join(hierarchy, 'lading-test');
      if (existsSync(left)) rmdirSync(left);
    }
  });

  const open = (): Promise<ContainerRuntime> => openRuntime({ execRoot: join(dir, 'run') });

  const specOf = (id: string, process: Partial<ProcessSpec>, spec: Partial<ContainerSpec>): ContainerSpec => ({
    id,
    process: { args: ['true'], env: [PATH], cwd: '/', user: '', additionalGroups: [], tty: false, ...process },
    rootfs,
    readonlyRootfs: false,
    hostname: 'box',
    mounts: [],
    namespaces: { pid: 'new', network: 'new', ipc: 'new', uts: 'new', cgroup: 'new' },
    privileged: false,
    capAdd: [],
    capDrop: [],
    securityOpt: [],
    devices: [],
    sysctls: {},
    ulimits: [],
    resources: {},
    cgroupPath: `/lading-test/${id}`,
    annotations: {},
    ...spec,
  });

  async function create(
    process: Partial<ProcessSpec>,
    spec: Partial<ContainerSpec> = {},
    options: Partial<CreateOptions> = {},
  ): Promise<Container> {
    const id = randomBytes(16).toString('hex');
    const paths = { stateDir: join(dir, 'state', id), runDir: join(dir, 'run/containers', id) };
    const container: Container = {
      id,
      paths,
      run: async (stdin) => {
        const attachment = await runtime.attach(id, paths, { stdin: stdin !== undefined, tty: process.tty ?? false });
        await runtime.start(id, paths);
        attachment.stdin?.end(stdin);
        const [stdout, stderr, exit] = await Promise.all([
          text(attachment.stdout),
          attachment.stderr ? text(attachment.stderr) : '',
          runtime.wait(id, paths),
        ]);
        return { stdout, stderr, exit };
      },
    };
    created.push(container);
    await runtime.create(specOf(id, process, spec), paths, { openStdin: false, logDriver: 'k8s-file', ...options });
    return container;
  }

  const sh = (script: string): Partial<ProcessSpec> => ({ args: ['sh', '-c', script] });
  const output = async (script: string, spec: Partial<ContainerSpec> = {}): Promise<string> =>
    (await (await create(sh(script), spec)).run()).stdout.trim();
  const linesOf = async (container: Container, query: Partial<LogQuery> = {}): Promise<LogLine[]> =>
    collect(runtime.logs(container.paths, { follow: false, stdout: true, stderr: true, ...query }));
  /** Follows a stream; each call waits for a text after the one before. */
  const expecting = (stream: Readable | undefined): ((wanted: string) => Promise<void>) => {
    let seen = '';
    stream?.on('data', (chunk: Buffer) => (seen += String(chunk)));
    return async (wanted) => {
      while (!seen.includes(wanted)) await once(stream as Readable, 'data');
      seen = seen.slice(seen.indexOf(wanted) + wanted.length);
    };
  };

  describe('exit codes', () => {
    for (const code of [0, 3])
      it(`wait() gives ${code} when the program exits with it`, async () => {
        const { exit } = await (await create(sh(`exit ${code}`))).run();
        assert.equal(exit.exitCode, code);
        assert.equal(exit.oomKilled, false);
        assert.match(exit.finishedAt, /^\d{4}-.*Z$/);
      });

    it('wait() gives 137 when the container is killed', async () => {
      const { id, paths } = await create({ args: ['sleep', '100'] });
      await runtime.start(id, paths);
      const [exit] = await Promise.all([runtime.wait(id, paths), runtime.kill(id, 'SIGKILL')]);
      assert.equal(exit.exitCode, 137);
      await assert.rejects(
        runtime.kill(id, 'TERM'),
        (error) => error instanceof LadingError && error.code === 'conflict',
      );
    });

    it('wait() by a fresh runtime gives the exit of a container an earlier one started', async () => {
      const { id, paths } = await create(sh('sleep 0.3; exit 7'));
      await runtime.start(id, paths);
      const later = await open();
      assert.ok(await later.livePid(id, paths));
      assert.equal((await later.wait(id, paths)).exitCode, 7);
      assert.equal((await (await open()).exitOf(paths))?.exitCode, 7);
      assert.equal(await later.livePid(id, paths), undefined);
    });

    it('wait() gives 255 when the monitor was killed', async () => {
      const { id, paths } = await create({ args: ['sleep', '100'] });
      await runtime.start(id, paths);
      process.kill(Number(await readFile(join(paths.runDir, 'monitor.pid'), 'utf8')), 'SIGKILL');
      const [exit] = await Promise.all([runtime.wait(id, paths), delay(50).then(() => runtime.delete(id, paths))]);
      assert.equal(exit.exitCode, 255);
    });

    it('wait() can be cancelled, which stops only the waiting', async () => {
      const { id, paths } = await create({ args: ['sleep', '100'] });
      await runtime.start(id, paths);
      await assert.rejects(runtime.wait(id, paths, { signal: AbortSignal.timeout(30) }), { name: 'TimeoutError' });
      assert.ok(await runtime.livePid(id, paths));
    });
  });

  describe('start failures', () => {
    const cases = [
      {
        name: 'a name that is not in PATH',
        args: ['nosuch'],
        failure: 'not_found',
        words: '"nosuch": executable file not found in $PATH: unknown',
      },
      {
        name: 'an absent path',
        args: ['/no/such'],
        failure: 'not_found',
        words: '"/no/such": stat /no/such: no such file or directory: unknown',
      },
      {
        name: 'a file without x',
        args: ['/etc/plain'],
        failure: 'not_executable',
        words: '"/etc/plain": permission denied: unknown',
      },
      { name: 'a folder', args: ['/etc'], failure: 'not_executable', words: '"/etc": ' },
    ];
    for (const { name, args, failure, words } of cases) {
      it(`create() fails as ${failure} for ${name}`, async () => {
        await assert.rejects(create({ args }), (error) => isStartFailure(error, failure, words));
      });
      it(`exec() fails as ${failure} for ${name}`, async () => {
        const { id, paths } = await create({ args: ['sleep', '100'] });
        await runtime.start(id, paths);
        const process = specOf(id, { args }, {}).process;
        await assert.rejects(runtime.exec(id, paths, `x${id}`, process, { stdin: false, detach: false }), (error) =>
          isStartFailure(error, failure, words),
        );
      });
    }

    it('create() names an unknown user in Docker words', async () => {
      await assert.rejects(create({ user: 'nobody' }), {
        code: 'invalid_argument',
        message: 'unable to find user nobody: no matching entries in passwd file',
      });
    });
  });

  describe('streams', () => {
    it('keeps standard output and error apart', async () => {
      const { stdout, stderr } = await (await create(sh('echo out; echo err >&2'))).run();
      assert.deepEqual({ stdout, stderr }, { stdout: 'out\n', stderr: 'err\n' });
    });

    it('gives end of file when stdin ends, and goes on giving output', async () => {
      const input = 'x'.repeat(300_000);
      const container = await create(sh('cat; echo done'), {}, { openStdin: true });
      assert.equal((await container.run(input)).stdout, `${input}done\n`);
    });

    it('waits for a slow reader without losing anything', async () => {
      const container = await create(sh('seq 1 200000'));
      const { id, paths } = container;
      const { stdout, stderr } = await runtime.attach(id, paths, { stdin: false, tty: false });
      stderr?.resume();
      await runtime.start(id, paths);
      await delay(100);
      const all = await text(stdout);
      assert.equal(all.trimEnd().split('\n').at(-1), '200000');
      assert.equal(all.length, 1_288_895);
      await runtime.wait(id, paths);
    });

    it('several attached clients see the same', async () => {
      const { id, paths } = await create(sh('echo hello'));
      const clients = await Promise.all([1, 2].map(() => runtime.attach(id, paths, { stdin: false, tty: false })));
      for (const client of clients) client.stderr?.resume();
      await runtime.start(id, paths);
      assert.deepEqual(await Promise.all(clients.map((client) => text(client.stdout))), ['hello\n', 'hello\n']);
    });

    it('reaches sockets whose path is longer than an address holds', async () => {
      const id = randomBytes(16).toString('hex');
      const paths = { stateDir: join(dir, 'state', id), runDir: join(dir, 'run', 'deep'.repeat(30), id) };
      await runtime.create(specOf(id, sh('echo deep'), {}), paths, { openStdin: false, logDriver: 'none' });
      const { stdout, stderr } = await runtime.attach(id, paths, { stdin: false, tty: false });
      stderr?.resume();
      await runtime.start(id, paths);
      assert.equal(await text(stdout), 'deep\n');
      await runtime.wait(id, paths);
      await runtime.delete(id, paths);
    });

    it('detach() leaves the container running', async () => {
      const { id, paths } = await create(sh('sleep 100'));
      const attachment = await runtime.attach(id, paths, { stdin: false, tty: false });
      await runtime.start(id, paths);
      attachment.detach();
      attachment.detach();
      await delay(30);
      assert.ok(await runtime.livePid(id, paths));
    });

    it('a terminal has the size asked for and can be resized', async () => {
      const container = await create(
        { args: ['sh', '-c', 'stty size; read x; stty size'], tty: true, consoleSize: { rows: 30, columns: 100 } },
        {},
        { openStdin: true },
      );
      const { id, paths } = container;
      const { stdin, stdout, stderr } = await runtime.attach(id, paths, { stdin: true, tty: true });
      assert.equal(stderr, undefined);
      const output = expecting(stdout);
      await runtime.start(id, paths);
      await output('30 100\r\n');
      await runtime.resize(paths, 40, 120);
      await delay(50);
      stdin?.write('go\n');
      await output('40 120\r\n');
      assert.equal((await runtime.wait(id, paths)).exitCode, 0);
    });
  });

  describe('logs', () => {
    it('gives lines with stream and time, and only the tail asked for', async () => {
      const container = await create(sh('for i in 1 2 3 4 5; do echo line $i; done; echo err >&2; printf end'));
      await container.run();
      const all = await linesOf(container);
      assert.equal(all.length, 7);
      assert.deepEqual(
        all.filter((line) => line.stream === 'stderr').map((line) => String(line.data)),
        ['err\n'],
      );
      for (const line of all) assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
      const tail = await linesOf(container, { tail: 3, stderr: false });
      assert.deepEqual(
        tail.map((line) => String(line.data)),
        ['line 4\n', 'line 5\n', 'end'],
      );
    });

    it('joins a line that was logged in pieces', async () => {
      const container = await create(sh('i=0; while [ $i -lt 3000 ]; do printf 0123456789; i=$((i+1)); done; echo'));
      await container.run();
      const lines = await linesOf(container, { tail: 1 });
      assert.equal(lines.length, 1);
      assert.equal(String(lines[0]?.data), `${'0123456789'.repeat(3000)}\n`);
    });

    it('follows until the container ends', async () => {
      const { id, paths } = await create(sh('echo one; sleep 0.2; echo two; sleep 0.1; echo three'));
      await runtime.start(id, paths);
      const seen: string[] = [];
      for await (const line of runtime.logs(paths, { follow: true, stdout: true, stderr: true }))
        seen.push(String(line.data));
      assert.deepEqual(seen, ['one\n', 'two\n', 'three\n']);
    });

    it('stops following when told to', async () => {
      const { id, paths } = await create(sh('echo one; sleep 100'));
      await runtime.start(id, paths);
      const query = { follow: true, stdout: true, stderr: true, signal: AbortSignal.timeout(150) };
      assert.equal((await collect(runtime.logs(paths, query))).length, 1);
    });

    it('never grows beyond its limit by much, and follows across a rotation', async () => {
      const container = await create(sh('sleep 0.2; seq 1 20000; echo last'), {}, { logMaxBytes: 200_000 });
      const { id, paths } = container;
      await runtime.start(id, paths);
      let last = '';
      for await (const line of runtime.logs(paths, { follow: true, stdout: true, stderr: true }))
        last = String(line.data);
      assert.equal(last, 'last\n');
      assert.ok((await readFile(join(paths.stateDir, 'container.log'))).length < 260_000);
    });
  });

  describe('isolation', () => {
    it('is process 1 with its own hostname', async () => {
      assert.equal(await output('echo $$ $(hostname)'), '1 box');
    });
    it("has Docker's fourteen capabilities and its seccomp filter", async () => {
      const status = await output('cat /proc/self/status');
      assert.match(status, /CapEff:\s+00000000a80425fb/);
      assert.match(status, /CapBnd:\s+00000000a80425fb/);
      assert.match(status, /Seccomp:\s+2/);
    });
    it('sees no kernel memory and cannot write kernel settings', async () => {
      assert.equal(await output('cat /proc/kcore | grep -c .'), '0');
      assert.match(await output('(echo 1 > /proc/sys/kernel/panic) 2>&1'), /Read-only file system/);
      assert.match(await output('mount -t tmpfs x /tmp 2>&1'), /Operation not permitted|permission denied/);
    });
    it('runs as a user given by name, without capabilities', async () => {
      const container = await create({ ...sh('id; echo $HOME; grep CapEff /proc/self/status'), user: 'app' });
      const { stdout } = await container.run();
      assert.match(stdout, /uid=1000\(app\) gid=1000\(app\) groups=1000\(app\),2000\(extra\)\n\/home\/app\n/);
      assert.match(stdout, /CapEff:\s+0000000000000000/);
    });
    it(
      'is held to its memory limit and says so',
      { skip: !hasController('memory') && 'no memory controller' },
      async () => {
        const spec = { resources: { memoryBytes: 16 << 20, memorySwapBytes: 16 << 20 } };
        const { exit } = await (await create(sh('tail /dev/zero'), spec)).run();
        assert.deepEqual([exit.exitCode, exit.oomKilled], [137, true]);
      },
    );
    it('starts although a limit is above what this machine gives', async () => {
      const ulimits = [{ name: 'nofile', soft: 1 << 20, hard: 1 << 20 }];
      assert.equal(await output('echo ok', { ulimits, oomScoreAdj: -500 }), 'ok');
    });
    it('privileged has every device and no filter', async () => {
      const status = await output('grep Seccomp: /proc/self/status; ls /dev/kmsg', { privileged: true });
      assert.match(status, /Seccomp:\s+0\n\/dev\/kmsg/);
    });
  });

  describe('control', () => {
    it('exec() runs a second process, its streams attached before it runs', async () => {
      const { id, paths } = await create({ args: ['sleep', '100'] });
      await runtime.start(id, paths);
      const { process } = specOf(id, sh('cat; echo err >&2; exit 5'), {});
      const running = await runtime.exec(id, paths, `e${id}`, process, { stdin: true, detach: false });
      running.attachment?.stdin?.end('input');
      const { stdout, stderr } = running.attachment ?? {};
      assert.equal(await text(stdout as Readable), 'input');
      assert.equal(await text(stderr as Readable), 'err\n');
      assert.equal(await running.wait(), 5);
    });

    it('exec() on a terminal has the size asked for', async () => {
      const { id, paths } = await create({ args: ['sleep', '100'] });
      await runtime.start(id, paths);
      const size = { tty: true, consoleSize: { rows: 20, columns: 70 } };
      const { process } = specOf(id, { args: ['sh', '-c', 'stty size; read x; stty size'], ...size }, {});
      const running = await runtime.exec(id, paths, `t${id}`, process, { stdin: true, detach: false });
      const { stdin, stdout } = running.attachment ?? {};
      const output = expecting(stdout);
      await output('20 70\r\n');
      await running.resize(25, 75);
      await delay(50);
      stdin?.write('go\n');
      await output('25 75\r\n');
      assert.equal(await running.wait(), 0);
    });

    it('exec() detached runs on its own', async () => {
      const { id, paths } = await create({ args: ['sleep', '100'] });
      await runtime.start(id, paths);
      const { process } = specOf(id, sh('exit 4'), {});
      const running = await runtime.exec(id, paths, `d${id}`, process, { stdin: false, detach: true });
      assert.equal(running.attachment, undefined);
      assert.equal(await running.wait(), 4);
    });

    it('pause() stops and resume() continues; pids() lists what is inside', async () => {
      const { id, paths } = await create(sh('sleep 100 & while true; do echo x; sleep 0.02; done'));
      await runtime.start(id, paths);
      await delay(80);
      assert.ok((await runtime.pids(id)).length >= 2);
      await runtime.pause(id);
      const before = (await readFile(join(paths.stateDir, 'container.log'))).length;
      await delay(100);
      assert.equal((await readFile(join(paths.stateDir, 'container.log'))).length, before);
      await runtime.resume(id);
      await delay(100);
      assert.ok((await readFile(join(paths.stateDir, 'container.log'))).length > before);
      await runtime.pause(id);
      await runtime.kill(id, 9);
      assert.equal((await runtime.wait(id, paths)).exitCode, 137);
    });

    it(
      'update() changes a limit of a running container',
      { skip: !hasController('pids') && 'no pids controller' },
      async () => {
        const { id, paths } = await create({ args: ['sleep', '100'] }, { resources: { pidsLimit: 10 } });
        await runtime.start(id, paths);
        await runtime.update(id, { pidsLimit: 20 });
        const cgroup = (await readFile(`/proc/${await runtime.livePid(id, paths)}/cgroup`, 'utf8')).split('\n');
        const path = cgroup.find((line) => /:pids:/.test(line))?.split(':')[2];
        const file = path === undefined ? `/sys/fs/cgroup${cgroup[0]?.split(':')[2]}` : `/sys/fs/cgroup/pids${path}`;
        assert.equal((await readFile(join(file, 'pids.max'), 'utf8')).trim(), '20');
      },
    );

    it('delete() ends what runs, leaves no cgroup and can be repeated', async () => {
      const { id, paths } = await create({ args: ['sleep', '100'] });
      await runtime.start(id, paths);
      const pid = await runtime.livePid(id, paths);
      await runtime.delete(id, paths);
      await runtime.delete(id, paths);
      assert.ok(!existsSync(`/proc/${pid}`));
      assert.ok(!existsSync(`/sys/fs/cgroup/pids/lading-test/${id}`));
      assert.ok(!existsSync(`/sys/fs/cgroup/lading-test/${id}`));
      assert.ok(existsSync(join(paths.stateDir, 'container.log')));
    });

    it('the same container can be created again, its log going on', async () => {
      const container = await create(sh('echo once'));
      await container.run();
      await runtime.delete(container.id, container.paths);
      await runtime.create(specOf(container.id, sh('echo twice; exit 2'), {}), container.paths, {
        openStdin: false,
        logDriver: 'k8s-file',
      });
      assert.equal(await runtime.exitOf(container.paths), undefined);
      assert.equal((await container.run()).exit.exitCode, 2);
      assert.deepEqual(
        (await linesOf(container)).map((line) => String(line.data)),
        ['once\n', 'twice\n'],
      );
    });
  });

  describe('runToEnd()', () => {
    const run = async (
      process: Partial<ProcessSpec>,
      io: { signal?: AbortSignal; stdin?: Readable } = {},
    ): Promise<{ code: number; stdout: string; stderr: string; id: string }> => {
      const id = `build-${randomBytes(8).toString('hex')}`;
      const bundle = join(dir, id);
      await mkdir(bundle);
      const out = { stdout: '', stderr: '' };
      const onOutput = (stream: 'stdout' | 'stderr', chunk: Buffer): void => void (out[stream] += String(chunk));
      const code = await runtime.runToEnd(specOf(id, process, {}), bundle, { onOutput, ...io });
      return { code, ...out, id };
    };

    it('gives exit code and separate output', async () => {
      const { code, stdout, stderr, id } = await run(sh('echo out; echo err >&2; exit 6'));
      assert.deepEqual({ code, stdout, stderr }, { code: 6, stdout: 'out\n', stderr: 'err\n' });
      assert.equal(await runtime.livePid(id, { stateDir: '', runDir: '' }), undefined);
    });

    it('reports a program that is not there as an error, not as output', async () => {
      await assert.rejects(run({ args: ['nosuch'] }), (error) => isStartFailure(error, 'not_found', 'nosuch'));
    });

    it('kills everything when cancelled', async () => {
      const marker = randomBytes(4).readUInt32LE();
      const started = Date.now();
      await assert.rejects(run(sh(`sleep ${marker} & sleep ${marker}`), { signal: AbortSignal.timeout(300) }), {
        code: 'cancelled',
      });
      assert.ok(Date.now() - started < 3000);
      assert.ok(!hasProcess(String(marker)));
    });
  });

  it('the rootfs cannot make user names come from outside', async () => {
    const hostile = join(dir, 'hostile');
    await mkdir(join(hostile, 'etc'), { recursive: true });
    await appendFile(join(dir, 'secret'), 'spy:x:4711:4711::/:\n');
    await symlink(join(dir, 'secret'), join(hostile, 'etc/passwd'));
    await chmod(hostile, 0o755);
    await assert.rejects(create({ user: 'spy' }, { rootfs: hostile }), { code: 'invalid_argument' });
  });
});

function hasController(name: string): boolean {
  const { mode, hierarchies, v2Controllers } = cgroupLayout();
  return mode === 'v2' ? v2Controllers.includes(name) : hierarchies.some((path) => path.endsWith(`/${name}`));
}

function isStartFailure(error: unknown, failure: string, words: string): boolean {
  assert.ok(error instanceof LadingError && error.cause instanceof StartError, String(error));
  assert.equal(error.cause.failure, failure);
  assert.ok(error.message.includes(words), error.message);
  return true;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function hasProcess(argument: string): boolean {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .some((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(argument);
      } catch {
        return false;
      }
    });
}
