import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bool, parseArguments } from '../flags.ts';
import { createBody } from './create-body.ts';
import { CONTAINER_FLAGS } from './flags.ts';

/** The request for a command line, without members that are empty or off. */
function bodyOf(...argv: string[]): unknown {
  const { flags, args } = parseArguments(argv, [...CONTAINER_FLAGS, bool('detach', 'd', '')], {
    stopAtPositional: true,
  });
  const [image = '', ...command] = args;
  return compact(createBody({ flags, image, command, env: { HOME: '/root' } }));
}

function compact(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const kept = Object.entries(value)
    .map(([key, member]) => [key, compact(member)] as const)
    .filter(([, member]) => member !== false && member !== '' && member !== 0 && JSON.stringify(member) !== '{}');
  return Object.fromEntries(kept);
}

const OUTPUT = { AttachStdout: true, AttachStderr: true };
const HOST = { NetworkMode: 'default', RestartPolicy: { Name: 'no' } };

// Expectations are what docker 28.2.2 sends for the same flags (captured), without its defaults.
const CASES: { argv: string; body: unknown }[] = [
  {
    argv: '-it --rm alpine sh -c x',
    body: {
      Image: 'alpine',
      Cmd: ['sh', '-c', 'x'],
      ...OUTPUT,
      AttachStdin: true,
      Tty: true,
      OpenStdin: true,
      StdinOnce: true,
      HostConfig: { ...HOST, AutoRemove: true },
    },
  },
  { argv: '-d -i img', body: { Image: 'img', OpenStdin: true, HostConfig: HOST } },
  {
    argv: '-e A=1 -e HOME -e NOPE_X --entrypoint= img',
    body: { Image: 'img', ...OUTPUT, Env: ['A=1', 'HOME=/root', 'NOPE_X'], Entrypoint: [''], HostConfig: HOST },
  },
  {
    argv: '-v name:/x -v /a:/b:ro --cap-add net_admin --cap-drop ALL -m 1.5g --memory-swap -1 --cpus 1.5 img',
    body: {
      Image: 'img',
      ...OUTPUT,
      HostConfig: {
        ...HOST,
        Binds: ['name:/x', '/a:/b:ro'],
        CapAdd: ['CAP_NET_ADMIN'],
        CapDrop: ['ALL'],
        Memory: 1_610_612_736,
        MemorySwap: -1,
        NanoCpus: 1_500_000_000,
      },
    },
  },
  {
    argv: '--network n1 --network-alias al --ip 10.0.0.2 --restart on-failure:3 img',
    body: {
      Image: 'img',
      ...OUTPUT,
      HostConfig: { NetworkMode: 'n1', RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } },
      NetworkingConfig: { EndpointsConfig: { n1: { Aliases: ['al'], IPAMConfig: { IPv4Address: '10.0.0.2' } } } },
    },
  },
  {
    argv: '--health-cmd x --health-interval 1m30s --health-timeout 500ms --device /dev/zero:/dev/z:r --ulimit nofile=1:2 img',
    body: {
      Image: 'img',
      ...OUTPUT,
      Healthcheck: { Test: ['CMD-SHELL', 'x'], Interval: 90e9, Timeout: 5e8 },
      HostConfig: {
        ...HOST,
        Devices: [{ PathOnHost: '/dev/zero', PathInContainer: '/dev/z', CgroupPermissions: 'r' }],
        Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }],
      },
    },
  },
];

for (const { argv, body } of CASES)
  test(`createBody() sends what docker sends for ${argv}`, () => assert.deepEqual(bodyOf(...argv.split(' ')), body));

test('createBody() reads ports as docker does', () => {
  const ports = '-p 80 -p 8080:80 -p 127.0.0.1:9090:90/udp -p 10-11:20-21 -p 8000-8010:81 -p [::1]:5:6 img';
  const { HostConfig } = bodyOf(...ports.split(' ')) as { HostConfig: { PortBindings: unknown } };
  assert.deepEqual(HostConfig.PortBindings, {
    '80/tcp': [
      { HostIp: '', HostPort: '' },
      { HostIp: '', HostPort: '8080' },
    ],
    '90/udp': [{ HostIp: '127.0.0.1', HostPort: '9090' }],
    '20/tcp': [{ HostIp: '', HostPort: '10' }],
    '21/tcp': [{ HostIp: '', HostPort: '11' }],
    '81/tcp': [{ HostIp: '', HostPort: '8000-8010' }],
    '6/tcp': [{ HostIp: '::1', HostPort: '5' }],
  });
});

test('createBody() reads --mount', () => {
  const { HostConfig } = bodyOf(
    '--mount',
    'type=bind,source=/tmp,target=/x,readonly',
    '--mount',
    'type=tmpfs,target=/t,tmpfs-size=64m,tmpfs-mode=1770',
    'img',
  ) as { HostConfig: { Mounts: unknown } };
  assert.deepEqual(HostConfig.Mounts, [
    { Type: 'bind', Source: '/tmp', Target: '/x', ReadOnly: true },
    { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 67_108_864, Mode: 0o1770 } },
  ]);
});

test('createBody() refuses what docker refuses, with status 125', () => {
  const wrong = [
    '-p 99999:1',
    '-p a:b',
    '-v a:b:c:d',
    '--memory x',
    '--mount type=bind',
    '--restart always:x',
    '--rm --restart always',
    '-a foo',
    '--ulimit nofile=9:1',
    '-e =x',
  ];
  for (const flags of wrong) assert.throws(() => bodyOf(...flags.split(' '), 'img'), { status: 125 }, flags);
});
