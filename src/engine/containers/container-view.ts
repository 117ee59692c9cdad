import { join } from 'node:path';
import { hostPlatform } from '../../oci/index.ts';
import type { ContainerPaths } from '../../runtime/index.ts';
import type { ContainerView } from '../types.ts';
import { programOf, type ContainerRecord } from './container-record.ts';

/** A record as the API sees it. */
export function viewOf(record: ContainerRecord, paths: ContainerPaths, execIds: readonly string[]): ContainerView {
  const [path = '', ...args] = programOf(record.config);
  const { status, pid, exitCode, oomKilled, error, startedAt, finishedAt } = record;
  return {
    id: record.id,
    name: record.name,
    createdAt: record.createdAt,
    imageId: record.imageId,
    image: record.image,
    path,
    args,
    config: record.config,
    hostConfig: record.hostConfig,
    state: { status, pid, exitCode, oomKilled, error, startedAt, finishedAt },
    restartCount: record.restartCount,
    endpoints: record.endpoints,
    ports: record.ports,
    mounts: record.mounts,
    logPath: join(paths.stateDir, 'container.log'),
    hostnamePath: join(paths.stateDir, 'hostname'),
    hostsPath: join(paths.stateDir, 'hosts'),
    resolvConfPath: join(paths.stateDir, 'resolv.conf'),
    driver: 'overlay2',
    platform: hostPlatform().os,
    execIds,
  };
}
