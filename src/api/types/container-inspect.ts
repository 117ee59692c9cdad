import type { ContainerState, ContainerView } from '../../engine/index.ts';
import { toContainerConfig } from './container-config.ts';
import { isRunning } from './container-status.ts';
import { toHostConfig } from './host-config.ts';
import { toMount } from './mounts.ts';
import { toNetworkSettings } from './network-settings.ts';

/** Docker counts paused and restarting containers as running too. */
export function toState(state: ContainerState) {
  const { health } = state;
  return {
    Status: state.status,
    Running: isRunning(state),
    Paused: state.status === 'paused',
    Restarting: state.status === 'restarting',
    OOMKilled: state.oomKilled,
    Dead: state.status === 'dead',
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
    ...(health === undefined
      ? {}
      : { Health: { Status: health.status, FailingStreak: health.failingStreak, Log: [] as unknown[] } }),
  };
}

/** GET /containers/{name}/json */
export function toContainerInspect(view: ContainerView, size?: { readonly rw: number; readonly rootfs: number }) {
  return {
    Id: view.id,
    Created: view.createdAt,
    Path: view.path,
    Args: view.args,
    State: toState(view.state),
    Image: view.imageId,
    ResolvConfPath: view.resolvConfPath,
    HostnamePath: view.hostnamePath,
    HostsPath: view.hostsPath,
    LogPath: view.logPath,
    Name: `/${view.name}`,
    RestartCount: view.restartCount,
    Driver: view.driver,
    Platform: view.platform.split('/')[0] ?? 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: view.execIds.length === 0 ? null : view.execIds,
    HostConfig: toHostConfig(view.hostConfig),
    GraphDriver: { Data: null, Name: view.driver },
    ...(size === undefined ? {} : { SizeRw: size.rw, SizeRootFs: size.rootfs }),
    Mounts: view.mounts.map(toMount),
    Config: toContainerConfig(view.config),
    NetworkSettings: toNetworkSettings(view),
  };
}

export type ContainerInspect = ReturnType<typeof toContainerInspect>;
