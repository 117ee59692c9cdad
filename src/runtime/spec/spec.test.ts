import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { ContainerSpec } from '../runtime.ts';
import { boundingCapabilities } from './capabilities.ts';
import { ociSpecOf } from './oci-config.ts';
import { resourcesOf } from './resources.ts';
import { rlimitsOf } from './rlimits.ts';
import { parseSecurityOptions } from './security-options.ts';
import { resolveUser } from './user.ts';

const rootfs = mkdtempSync(join(tmpdir(), 'lading-spec-'));
mkdirSync(join(rootfs, 'etc'));
writeFileSync(
  join(rootfs, 'etc/passwd'),
  'root:x:0:0:root:/root:/bin/sh\n# comment\nbroken\napp:x:1000:1001::/home/app:/bin/sh\n',
);
writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\nstaff:x:50:app,other\nwheel:x:10:app\n');
after(() => rmSync(rootfs, { recursive: true }));

const specOf = (change: Partial<ContainerSpec> = {}): ContainerSpec => ({
  id: 'c1',
  process: { args: ['sh'], env: ['A=1'], cwd: '/', user: '', additionalGroups: [], tty: false },
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
  cgroupPath: '/lading/c1',
  annotations: {},
  ...change,
});
const silent = (): void => undefined;
const oci = (change: Partial<ContainerSpec> = {}) => ociSpecOf(specOf(change), silent);

describe('resolveUser()', () => {
  const cases = [
    { name: 'nobody said: root', user: '', uid: 0, gid: 0, home: '/root', gids: [0] },
    {
      name: 'a name, with the groups it is in',
      user: 'app',
      uid: 1000,
      gid: 1001,
      home: '/home/app',
      gids: [1001, 50, 10],
    },
    { name: 'a known number', user: '1000', uid: 1000, gid: 1001, home: '/home/app', gids: [1001, 50, 10] },
    { name: 'an unknown number', user: '4242', uid: 4242, gid: 0, home: '/', gids: [0] },
    { name: 'a group: no others', user: 'app:wheel', uid: 1000, gid: 10, home: '/home/app', gids: [10] },
    { name: 'two numbers', user: '7:8', uid: 7, gid: 8, home: '/', gids: [8] },
  ];
  for (const { name, user, uid, gid, home, gids } of cases)
    it(name, () => assert.deepEqual(resolveUser(rootfs, user), { uid, gid, home, additionalGids: gids }));

  it('adds groups by name and number', () => {
    assert.deepEqual(resolveUser(rootfs, '5', ['staff', '77']).additionalGids, [0, 50, 77]);
  });
  it("fails in Docker's words", () => {
    const fails = (user: string, message: string): void =>
      assert.throws(() => resolveUser(rootfs, user), { code: 'invalid_argument', message });
    fails('x', 'unable to find user x: no matching entries in passwd file');
    fails('app:x', 'unable to find group x: no matching entries in group file');
    fails('4294967296', 'uids and gids must be in range 0-2147483647: "4294967296"');
  });
  it('does not follow a link out of the rootfs, and survives odd files', () => {
    const hostile = join(rootfs, 'hostile');
    mkdirSync(join(hostile, 'etc/group'), { recursive: true });
    symlinkSync('../../etc/passwd', join(hostile, 'etc/passwd'));
    assert.throws(() => resolveUser(hostile, 'app'), { code: 'invalid_argument' });
    assert.equal(resolveUser(hostile, '').uid, 0);
    assert.equal(resolveUser(join(rootfs, 'etc'), '').home, '/');
  });
});

describe('boundingCapabilities()', () => {
  const all = ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_SYS_ADMIN'];
  const bounding = (capAdd: string[], capDrop: string[], privileged = false): string[] =>
    boundingCapabilities({ privileged, capAdd, capDrop }, all);
  it("starts from Docker's list", () => assert.deepEqual(bounding([], []), ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_RAW']));
  it('adds and drops with and without prefix', () =>
    assert.deepEqual(bounding(['net_admin'], ['CAP_KILL']), ['CAP_CHOWN', 'CAP_NET_ADMIN', 'CAP_NET_RAW']));
  it('ALL dropped leaves what is added', () => assert.deepEqual(bounding(['KILL'], ['ALL']), ['CAP_KILL']));
  it('ALL added leaves out what is dropped', () =>
    assert.deepEqual(bounding(['ALL'], ['SYS_ADMIN']), ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_ADMIN', 'CAP_NET_RAW']));
  it('privileged has all', () => assert.deepEqual(bounding([], [], true), all));
  it('refuses an unknown name', () => assert.throws(() => bounding(['FLY'], []), { code: 'invalid_argument' }));
});

describe('ociSpecOf()', () => {
  it("writes Docker's default mounts, /sys and cgroups readonly", () => {
    const { mounts } = oci();
    assert.deepEqual(
      mounts.map((mount) => mount.destination),
      ['/proc', '/dev', '/dev/pts', '/sys', '/sys/fs/cgroup', '/dev/mqueue', '/dev/shm'],
    );
    for (const target of ['/sys', '/sys/fs/cgroup'])
      assert.ok(mounts.find((mount) => mount.destination === target)?.options.includes('ro'));
    assert.ok(mounts.at(-1)?.options.includes('size=67108864'));
  });
  it("lets a user's mount replace a default one, and puts parents before children", () => {
    const bind = (target: string) => ({ type: 'bind', source: '/tmp', target, options: ['rw'] });
    const { mounts } = oci({ mounts: [bind('/a/b/c'), bind('/dev/shm/'), bind('/a')] });
    const targets = mounts.map((mount) => mount.destination);
    assert.equal(targets.filter((target) => target.startsWith('/dev/shm')).length, 1);
    assert.ok(targets.indexOf('/a') < targets.indexOf('/a/b/c'));
    assert.deepEqual(mounts.find((mount) => mount.destination === '/a')?.options, ['rbind', 'rw']);
  });
  it('completes the environment without overriding it', () => {
    const { env } = oci({
      process: { args: ['x'], env: ['HOME=/h', 'A=1'], cwd: '', user: 'app', additionalGroups: [], tty: true },
    }).process;
    assert.deepEqual(env, [
      'HOME=/h',
      'A=1',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'HOSTNAME=box',
      'TERM=xterm',
    ]);
  });
  it('gives an ordinary user only the bounding set', () => {
    const process = { args: ['x'], env: [], cwd: '/', user: 'app', additionalGroups: [], tty: false };
    assert.deepEqual(Object.keys(oci({ process }).process.capabilities), ['bounding']);
    assert.deepEqual(Object.keys(oci().process.capabilities), ['bounding', 'effective', 'permitted']);
  });
  it('denies devices but the harmless ones, and allows all when privileged', () => {
    assert.deepEqual(oci().linux.resources.devices?.[0], { allow: false, access: 'rwm' });
    assert.deepEqual(oci({ privileged: true }).linux.resources.devices, [{ allow: true, access: 'rwm' }]);
  });
  it('privileged lifts masks, filter and readonly system folders', () => {
    const { linux, mounts } = oci({ privileged: true });
    assert.deepEqual([linux.maskedPaths, linux.readonlyPaths, linux.seccomp], [[], [], undefined]);
    assert.ok(!mounts.find((mount) => mount.destination === '/sys')?.options.includes('ro'));
    assert.ok(oci().linux.maskedPaths.includes('/proc/kcore'));
    assert.ok(oci().linux.readonlyPaths.includes('/proc/sys'));
  });
  it('joins and shares namespaces, without a hostname or network settings of the host', () => {
    const { linux, hostname } = oci({
      namespaces: { pid: 'host', network: 'host', ipc: { path: '/x' }, uts: 'host', cgroup: 'host' },
    });
    assert.deepEqual(linux.namespaces, [{ type: 'mount' }, { type: 'ipc', path: '/x' }]);
    assert.equal(hostname, undefined);
    assert.deepEqual(linux.sysctl, {});
  });
  it('puts an init before the program in a pid namespace of its own', () => {
    const { process, mounts } = oci({ initPath: '/usr/bin/tini' });
    assert.deepEqual(process.args, ['/sbin/docker-init', '--', 'sh']);
    assert.equal(mounts.at(-1)?.source, '/usr/bin/tini');
  });
  it('names a device that is not there', () => {
    const devices = [{ hostPath: '/dev/nope', containerPath: '/dev/x', permissions: 'r' }];
    assert.throws(() => oci({ devices }), {
      code: 'invalid_argument',
      message: 'error gathering device information while adding custom device "/dev/nope": no such file or directory',
    });
  });
  it('passes a device on with its numbers and permissions', () => {
    const { devices, resources } = oci({
      devices: [{ hostPath: '/dev/null', containerPath: '/dev/nil', permissions: 'r' }],
    }).linux;
    assert.deepEqual(
      devices.map(({ path, type, major, minor }) => ({ path, type, major, minor })),
      [{ path: '/dev/nil', type: 'c', major: 1, minor: 3 }],
    );
    assert.deepEqual(resources.devices?.at(-1), { allow: true, type: 'c', major: 1, minor: 3, access: 'r' });
  });
});

describe('rlimitsOf()', () => {
  it('cuts to what is permitted and says so', () => {
    const warnings: string[] = [];
    const warn = (message: string): void => void warnings.push(message);
    const limits = rlimitsOf([{ name: 'nofile', soft: 4096, hard: 1 << 20 }], warn, () => () => 20_000);
    assert.deepEqual(limits, [{ type: 'RLIMIT_NOFILE', soft: 4096, hard: 20_000 }]);
    assert.equal(warnings.length, 1);
  });
  it('writes unlimited as the largest 64-bit number', () => {
    const limits = rlimitsOf([{ name: 'core', soft: -1, hard: -1 }], silent, () => () => Infinity);
    assert.match(JSON.stringify(limits), /"hard":18446744073709551615/);
  });
});

describe('resourcesOf()', () => {
  const able = () => ({ swap: true, blkioWeight: false });
  it('turns CPUs into a quota and doubles memory for swap', () => {
    assert.deepEqual(resourcesOf({ nanoCpus: 1.5e9, memoryBytes: 100, pidsLimit: 5 }, silent, able), {
      memory: { limit: 100, swap: 200 },
      cpu: { quota: 150_000, period: 100_000 },
      pids: { limit: 5 },
    });
  });
  it('leaves out, with a warning, what the kernel cannot do', () => {
    const warnings: string[] = [];
    assert.deepEqual(
      resourcesOf({ blkioWeight: 500 }, (message) => void warnings.push(message), able),
      {},
    );
    assert.equal(warnings.length, 1);
  });
});

describe('parseSecurityOptions()', () => {
  it('reads both separators', () => {
    assert.equal(parseSecurityOptions(['no-new-privileges'], false).noNewPrivileges, true);
    assert.equal(parseSecurityOptions(['no-new-privileges:false'], false).noNewPrivileges, false);
    assert.equal(parseSecurityOptions(['seccomp=unconfined'], false).seccomp, undefined);
    assert.equal(
      parseSecurityOptions(['seccomp={"defaultAction":"SCMP_ACT_LOG"}'], true).seccomp?.defaultAction,
      'SCMP_ACT_LOG',
    );
  });
  it('refuses what it does not know', () => {
    assert.throws(() => parseSecurityOptions(['magic=on'], false), { code: 'invalid_argument' });
  });
});
