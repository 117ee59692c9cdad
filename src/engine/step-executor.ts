import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../base/index.ts';
import type { StepExecutor } from '../builder/index.ts';
import { messageOf } from '../errors/index.ts';
import type { EndpointRequest, NetworkManager } from '../network/index.ts';
import type { ContainerMount, ContainerRuntime, Namespace, RootfsMounter } from '../runtime/index.ts';

export interface StepExecutorDependencies {
  readonly runtime: ContainerRuntime;
  readonly mounter: RootfsMounter;
  readonly networks: NetworkManager;
  /** Folder for bundles, on the daemon's exec root. */
  readonly runRoot: string;
  readonly cgroupParent: string;
  readonly log: Log;
}

/** Runs a build's RUN steps: a throw-away container without monitor or log. All it took is given back, whatever happens. */
export class RuntimeStepExecutor implements StepExecutor {
  readonly #d: StepExecutorDependencies;

  constructor(dependencies: StepExecutorDependencies) {
    this.#d = dependencies;
  }

  async run(step: Parameters<StepExecutor['run']>[0], io: Parameters<StepExecutor['run']>[1]): Promise<number> {
    const { runtime, mounter } = this.#d;
    const id = `build-${randomBytes(16).toString('hex')}`;
    const dir = join(this.#d.runRoot, id);
    const rootfs = join(dir, 'rootfs');
    await mkdir(rootfs, { recursive: true, mode: 0o711 });
    try {
      mounter.mount(step.mount, rootfs);
      const network = await this.#network(id, dir, step);
      return await runtime.runToEnd(
        {
          id,
          process: step.process,
          rootfs,
          readonlyRootfs: false,
          hostname: step.hostname,
          mounts: [...step.mounts, ...network.files],
          namespaces: { pid: 'new', network: network.namespace, ipc: 'new', uts: 'new', cgroup: 'new' },
          privileged: false,
          capAdd: [],
          capDrop: [],
          securityOpt: [],
          devices: [],
          sysctls: {},
          ulimits: [],
          resources: {},
          cgroupPath: join(this.#d.cgroupParent, id),
          annotations: {},
        },
        dir,
        io,
      );
    } finally {
      await this.#release(id, dir, rootfs);
    }
  }

  /** What fails is logged, and swept at the next start of the daemon: neither the step nor the rest of the release suffers. */
  async #release(id: string, dir: string, rootfs: string): Promise<void> {
    const { mounter, networks, log } = this.#d;
    const attempt = async (what: string, work: () => Promise<void> | void): Promise<boolean> => {
      try {
        await work();
        return true;
      } catch (error) {
        log.warn(`release of a build step: ${what}`, { step: id, error: messageOf(error) });
        return false;
      }
    };
    await attempt('network', () => networks.disconnect(id));
    await attempt('network namespace', () => networks.removeNetns(id));
    // A mount that is still there would be emptied with the folder.
    if (await attempt('rootfs', () => mounter.unmount(rootfs)))
      await attempt('folder', () => rm(dir, { recursive: true, force: true }));
  }

  async #network(
    id: string,
    dir: string,
    step: Parameters<StepExecutor['run']>[0],
  ): Promise<{ namespace: Namespace; files: ContainerMount[] }> {
    const { networks } = this.#d;
    const requests: EndpointRequest[] = [];
    const addresses: string[] = [];
    const path = step.networkMode === 'host' ? undefined : await networks.createNetns(id);
    const namespace: Namespace = path === undefined ? 'host' : { path };
    if (path !== undefined && step.networkMode === 'default') {
      const request = stepRequest(id, networks.defaultNetwork().id, step.hostname);
      requests.push(request);
      addresses.push((await networks.connect(path, request)).ipAddress);
    }
    const texts = {
      'resolv.conf': networks.resolvConf(
        requests[0] ?? {
          networkId: networks.get(step.networkMode === 'host' ? 'host' : 'none').id,
          dns: [],
          dnsSearch: [],
          dnsOptions: [],
        },
      ),
      hosts: networks.hostsFile({ hostname: step.hostname, ipAddresses: addresses, extraHosts: step.extraHosts }),
    };
    const files: ContainerMount[] = [];
    for (const [name, text] of Object.entries(texts)) {
      await writeFile(join(dir, name), text, { mode: 0o644 });
      files.push({
        type: 'bind',
        source: join(dir, name),
        target: `/etc/${name}`,
        options: ['rbind', 'rprivate', 'rw'],
      });
    }
    return { namespace, files };
  }
}

function stepRequest(id: string, networkId: string, hostname: string): EndpointRequest {
  return {
    networkId,
    containerId: id,
    containerName: id,
    hostname,
    aliases: [],
    ports: [],
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
  };
}
