import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerView, imageView, NETWORK, VOLUME } from '../testing/fake-engine.ts';
import {
  commandText,
  humanDuration,
  statusText,
  toContainerInspect,
  toContainerSummary,
  toEvent,
  toImageSummary,
  toNetwork,
  toVolume,
} from './index.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

// Rows of docker/go-units duration_test.go.
for (const [milliseconds, expected] of [
  [450, 'Less than a second'],
  [1000, '1 second'],
  [45_000, '45 seconds'],
  [MINUTE, 'About a minute'],
  [3 * MINUTE + 40_000, '3 minutes'],
  [HOUR, 'About an hour'],
  [HOUR + 45 * MINUTE, '2 hours'],
  [24 * HOUR, '24 hours'],
  [36 * HOUR, '36 hours'],
  [2 * DAY, '2 days'],
  [7 * DAY, '7 days'],
  [15 * DAY, '2 weeks'],
  [3 * 7 * DAY + 4 * DAY, '3 weeks'],
  [3 * 30 * DAY, '3 months'],
  [23 * 30 * DAY, '23 months'],
  [3 * 365 * DAY + 2 * 30 * DAY, '3 years'],
] as const)
  test(`humanDuration() of ${milliseconds} ms is "${expected}"`, () =>
    assert.equal(humanDuration(milliseconds), expected));

const STATE = containerView().state;
const NOW = Date.parse('2026-01-01T00:02:01Z');
const FINISHED = { ...STATE, status: 'exited', exitCode: 3, finishedAt: '2026-01-01T00:00:58Z' } as const;
for (const [state, expected] of [
  [STATE, 'Up 2 minutes'],
  [{ ...STATE, health: { status: 'starting', failingStreak: 0 } }, 'Up 2 minutes (health: starting)'],
  [{ ...STATE, health: { status: 'healthy', failingStreak: 0 } }, 'Up 2 minutes (healthy)'],
  [{ ...STATE, status: 'paused' as const }, 'Up 2 minutes (Paused)'],
  [FINISHED, 'Exited (3) About a minute ago'],
  [{ ...FINISHED, status: 'restarting' as const }, 'Restarting (3) About a minute ago'],
  [{ ...STATE, status: 'created' as const, startedAt: '0001-01-01T00:00:00Z' }, 'Created'],
] as const)
  test(`statusText() says "${expected}"`, () => assert.equal(statusText(state, NOW), expected));

test('toContainerSummary() has the names, ports and networks of `docker ps`', () => {
  const summary = toContainerSummary(containerView());
  assert.deepEqual(summary.Names, ['/web']);
  assert.deepEqual(summary.Ports, [
    { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { PrivatePort: 443, Type: 'tcp' },
  ]);
  assert.equal(summary.Command, "sh -c 'sleep 1'");
  assert.equal(summary.Created, 1_767_225_600);
  assert.equal(summary.NetworkSettings.Networks['bridge']?.IPAddress, '172.17.0.2');
  assert.ok(!('SizeRw' in summary));
});

test('toContainerSummary() of a stopped container has no ports', () => {
  assert.deepEqual(toContainerSummary(containerView({ state: FINISHED })).Ports, []);
});

test('toContainerInspect() fills defaults and repeats the bridge endpoint', () => {
  const inspect = toContainerInspect(containerView(), { rw: 1, rootfs: 2 });
  assert.equal(inspect.Name, '/web');
  assert.equal(inspect.NetworkSettings.IPAddress, '172.17.0.2');
  assert.deepEqual(inspect.HostConfig.RestartPolicy, { Name: 'no', MaximumRetryCount: 0 });
  assert.equal(inspect.HostConfig.Binds, null);
  assert.equal(inspect.HostConfig.ShmSize, 67_108_864);
  assert.equal(inspect.Config.Entrypoint, null);
  assert.equal(inspect.ExecIDs, null);
  assert.equal(inspect.SizeRootFs, 2);
  assert.ok(!('Health' in inspect.State));
});

test('commandText() quotes empty words', () => assert.equal(commandText('a', ['']), "a ''"));

test('toImageSummary() of an untagged image has empty lists, and <none> for old clients', () => {
  const view = imageView({ repoTags: [] });
  assert.deepEqual(toImageSummary(view, '1.47').RepoTags, []);
  assert.deepEqual(toImageSummary(view, '1.40').RepoTags, ['<none>:<none>']);
  assert.equal(toImageSummary(view, '1.43').VirtualSize, 1000);
  assert.equal(toImageSummary(view, '1.44').VirtualSize, undefined);
  assert.equal(toImageSummary(view, '1.47').Labels, null);
});

test('toNetwork() shows members only in inspect', () => {
  const member = { id: 'c', name: 'web', endpointId: 'e', macAddress: 'm', ipv4: '172.17.0.2/16' };
  const view = { ...NETWORK, containers: [member] };
  assert.deepEqual(toNetwork(view, { members: false }).Containers, {});
  assert.deepEqual(toNetwork(view, { members: true }).Containers, {
    c: { Name: 'web', EndpointID: 'e', MacAddress: 'm', IPv4Address: '172.17.0.2/16', IPv6Address: '' },
  });
});

test('toVolume() has null labels and options, and marks anonymous volumes', () => {
  assert.equal(toVolume(VOLUME).Labels, null);
  assert.equal(toVolume(VOLUME).Options, null);
  assert.deepEqual(toVolume({ ...VOLUME, anonymous: true }).Labels, { 'com.docker.volume.anonymous': '' });
});

test('toEvent() adds the old names for containers', () => {
  const Actor = { ID: 'c', Attributes: { image: 'alpine' } };
  const event = { Type: 'container', Action: 'start', Actor, scope: 'local', time: 1, timeNano: 1 } as const;
  assert.deepEqual(toEvent(event), { status: 'start', id: 'c', from: 'alpine', ...event });
});
