import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_PROFILE, evaluateSeccomp, parseSeccompProfile } from './index.ts';

const HOST = { arch: 'amd64', kernel: '6.18.44' };
const rulesFor = (name: string, caps: string[] = [], host = HOST) =>
  evaluateSeccomp(DEFAULT_PROFILE, caps, host).syscalls.filter((rule) => rule.names.includes(name));

describe('evaluateSeccomp()', () => {
  it('denies by EPERM and allows 361 calls to everybody', () => {
    const filter = evaluateSeccomp(DEFAULT_PROFILE, [], HOST);
    assert.equal(filter.defaultAction, 'SCMP_ACT_ERRNO');
    assert.equal(filter.defaultErrnoRet, 1);
    assert.equal(filter.syscalls[0]?.names.length, 361);
    assert.deepEqual(filter.architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
    assert.equal('archMap' in filter, false);
  });

  it('leaves out what needs a capability the container lacks', () => {
    for (const name of ['mount', 'bpf', 'reboot', 'kexec_load', 'init_module', 'settimeofday', 'syslog', 'setns'])
      assert.deepEqual(rulesFor(name), [], name);
    assert.equal(rulesFor('mount', ['CAP_SYS_ADMIN']).length, 1);
    assert.equal(rulesFor('chroot', ['CAP_SYS_CHROOT']).length, 1);
  });

  it('lets clone make no namespaces and clone3 not exist, unless CAP_SYS_ADMIN', () => {
    assert.deepEqual(rulesFor('clone')[0]?.args, [{ index: 0, value: 2114060288, op: 'SCMP_CMP_MASKED_EQ' }]);
    assert.deepEqual(rulesFor('clone3'), [{ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }]);
    const [only, ...more] = rulesFor('clone', ['CAP_SYS_ADMIN']);
    assert.equal(only?.args, undefined);
    assert.equal(more.length, 0);
    assert.equal(rulesFor('clone3', ['CAP_SYS_ADMIN'])[0]?.action, 'SCMP_ACT_ALLOW');
  });

  it('opens every socket family but AF_ALG and AF_VSOCK', () => {
    const args = rulesFor('socket').map((rule) => rule.args?.map(({ op, value }) => `${op} ${value}`).join());
    assert.deepEqual(args, ['SCMP_CMP_LT 38', 'SCMP_CMP_EQ 39', 'SCMP_CMP_GT 40']);
  });

  it('follows kernel and processor', () => {
    assert.equal(rulesFor('ptrace', [], { ...HOST, kernel: '4.4.0' }).length, 0);
    assert.equal(rulesFor('ptrace').length, 1);
    assert.equal(rulesFor('arch_prctl').length, 1);
    assert.equal(rulesFor('arch_prctl', [], { ...HOST, arch: 'arm64' }).length, 0);
    const arm = evaluateSeccomp(DEFAULT_PROFILE, [], { ...HOST, arch: 'arm64' });
    assert.deepEqual(arm.architectures, ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']);
  });
});

describe('parseSeccompProfile()', () => {
  it('accepts the older single name', () => {
    const profile = parseSeccompProfile(
      '{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],"syscalls":[{"name":"chmod","action":"SCMP_ACT_ERRNO"}]}',
    );
    const filter = evaluateSeccomp(profile, [], HOST);
    assert.deepEqual(filter.architectures, ['SCMP_ARCH_X86_64']);
    assert.deepEqual(filter.syscalls, [{ names: ['chmod'], action: 'SCMP_ACT_ERRNO' }]);
  });
  for (const text of ['{', '[]', '{}', '{"defaultAction":"A","syscalls":[{"names":"x","action":"B"}]}'])
    it(`refuses ${text}`, () => assert.throws(() => parseSeccompProfile(text), { code: 'invalid_argument' }));
});
