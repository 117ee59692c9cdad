import type { ContainerView } from '../../engine/index.ts';
import { isRunning, statusText } from './container-status.ts';
import { toMount } from './mounts.ts';
import { toEndpointSettings } from './network-settings.ts';

export interface PortSummary {
  readonly IP?: string;
  readonly PrivatePort: number;
  readonly PublicPort?: number;
  readonly Type: string;
}

/** "80/tcp" as its number and protocol. */
export function splitPort(port: string): { number: number; protocol: string } {
  const [number = '', protocol = 'tcp'] = port.split('/');
  return { number: Number(number), protocol };
}

/** `Ports` of the list: published pairs and bare exposed ports of a running container. */
export function toPorts(view: ContainerView): PortSummary[] {
  if (!isRunning(view.state)) return [];
  return Object.entries(view.ports).flatMap(([port, bindings]): PortSummary[] => {
    const { number, protocol } = splitPort(port);
    if (bindings === null || bindings.length === 0) return [{ PrivatePort: number, Type: protocol }];
    return bindings.map(({ HostIp, HostPort }) => ({
      IP: HostIp,
      PrivatePort: number,
      PublicPort: Number(HostPort),
      Type: protocol,
    }));
  });
}

/** The list shows a command as typed: words with blanks are quoted. */
export function commandText(path: string, args: readonly string[]): string {
  return [path, ...args].map((word) => (word === '' || word.includes(' ') ? `'${word}'` : word)).join(' ');
}

/** One element of GET /containers/json. */
export function toContainerSummary(
  view: ContainerView,
  size?: { readonly rw: number; readonly rootfs: number },
  now = Date.now(),
) {
  return {
    Id: view.id,
    Names: [`/${view.name}`],
    Image: view.image,
    ImageID: view.imageId,
    Command: commandText(view.path, view.args),
    Created: Math.floor(Date.parse(view.createdAt) / 1000),
    Ports: toPorts(view),
    ...(size === undefined ? {} : { SizeRw: size.rw, SizeRootFs: size.rootfs }),
    Labels: view.config.Labels ?? {},
    State: view.state.status,
    Status: statusText(view.state, now),
    HostConfig: { NetworkMode: view.hostConfig.NetworkMode ?? 'bridge' },
    NetworkSettings: {
      Networks: Object.fromEntries(
        view.endpoints.map((endpoint) => [endpoint.networkName, toEndpointSettings(endpoint)]),
      ),
    },
    Mounts: view.mounts.map(toMount),
  };
}

export type ContainerSummary = ReturnType<typeof toContainerSummary>;
