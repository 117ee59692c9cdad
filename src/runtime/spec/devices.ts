import { readdirSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { LadingError } from '../../errors/index.ts';
import { devMajor, devMinor, S_IF } from '../../sys/index.ts';
import type { ContainerSpec } from '../runtime.ts';
import type { OciDevice, OciDeviceRule } from './oci-spec.ts';

/** Everything is denied, any node may be made, and the harmless ones are usable (Docker's list; the runtime adds its own). */
const DEFAULT_RULES: readonly OciDeviceRule[] = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...(
    [
      [1, 3],
      [1, 5],
      [1, 7],
      [1, 8],
      [1, 9],
      [5, 0],
      [5, 1],
      [5, 2],
    ] as const
  ).map(([major, minor]) => ({ allow: true, type: 'c' as const, major, minor, access: 'rwm' })),
  { allow: true, type: 'c', major: 136, access: 'rwm' },
];

const SKIPPED = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev', 'console']);
const MAX_DEVICES = 4096;

export interface DeviceAccess {
  readonly devices: readonly OciDevice[];
  readonly rules: readonly OciDeviceRule[];
}

/** Device nodes and what may be done with them. @throws invalid_argument for a host path without device */
export function deviceAccessOf(spec: Pick<ContainerSpec, 'privileged' | 'devices'>): DeviceAccess {
  if (spec.privileged) return { devices: walk('/dev', '/dev'), rules: [{ allow: true, access: 'rwm' }] };
  const requested = spec.devices.flatMap(({ hostPath, containerPath, permissions }) =>
    nodesAt(hostPath, containerPath).map((device) => ({ device, access: permissions || 'rwm' })),
  );
  return {
    devices: requested.map(({ device }) => device),
    rules: [
      ...DEFAULT_RULES,
      ...requested.map(({ device: { type, major, minor }, access }) => ({ allow: true, type, major, minor, access })),
    ],
  };
}

function nodesAt(hostPath: string, containerPath: string): OciDevice[] {
  const attempted = `error gathering device information while adding custom device "${hostPath}"`;
  const stats = statSync(hostPath, { throwIfNoEntry: false });
  if (!stats) throw new LadingError('invalid_argument', `${attempted}: no such file or directory`);
  const nodes = stats.isDirectory() ? walk(hostPath, containerPath) : toDevice(containerPath, stats);
  if (nodes.length === 0) throw new LadingError('invalid_argument', `${attempted}: not a device node`);
  return nodes;
}

function walk(hostDir: string, containerDir: string, found: OciDevice[] = []): OciDevice[] {
  for (const entry of readdirSync(hostDir, { withFileTypes: true })) {
    if (SKIPPED.has(entry.name) || found.length >= MAX_DEVICES) continue;
    const [host, inside] = [join(hostDir, entry.name), join(containerDir, entry.name)];
    if (entry.isDirectory()) walk(host, inside, found);
    else if (entry.isCharacterDevice() || entry.isBlockDevice()) {
      const stats = statSync(host, { throwIfNoEntry: false });
      if (stats) found.push(...toDevice(inside, stats));
    }
  }
  return found;
}

function toDevice(path: string, stats: Stats): OciDevice[] {
  if (!stats.isCharacterDevice() && !stats.isBlockDevice()) return [];
  return [
    {
      path,
      type: stats.isBlockDevice() ? 'b' : 'c',
      major: devMajor(stats.rdev),
      minor: devMinor(stats.rdev),
      fileMode: stats.mode & ~S_IF.MT,
      uid: stats.uid,
      gid: stats.gid,
    },
  ];
}
