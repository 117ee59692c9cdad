import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Log } from '../base/index.ts';
import type { ExecutedStep, StepExecutor, StepLimits, StepTerminal, TerminalSize } from '../builder/index.ts';
import { LadingError, messageOf } from '../errors/index.ts';
import type { EndpointRequest, NetworkManager } from '../network/index.ts';
import type {
  ContainerMount,
  ContainerRuntime,
  ContainerSpec,
  Namespace,
  Resources,
  RootfsMounter,
} from '../runtime/index.ts';
import { hasCgroup, removeCgroupParent } from './leftovers.ts';
import { renderStepHosts } from './step-hosts.ts';

export interface StepExecutorDependencies {
  readonly runtime: ContainerRuntime;
  readonly mounter: RootfsMounter;
  readonly networks: NetworkManager;
  /** Folder for bundles, on the daemon's exec root. */
  readonly runRoot: string;
  readonly cgroupParent: string;
  readonly log: Log;
}

type Io = Parameters<StepExecutor['run']>[1];

/** A step's folder and network, taken until `release`. */
interface Prepared {
  readonly dir: string;
  readonly spec: ContainerSpec;
  release(): Promise<void>;
}

/** A builder's steps may not count on what only containers have: ports below 1024 and ping for ordinary users (BuildKit). */
const SYSCTLS: Readonly<Record<string, string>> = {
  'net.ipv4.ip_unprivileged_port_start': '1024',
  'net.ipv4.ping_group_range': '1 0',
};

/** Runs a build's RUN steps: a throw-away container without monitor or log. All it took is given back, whatever happens. */
export class RuntimeStepExecutor implements StepExecutor {
  readonly #d: StepExecutorDependencies;
  /** Users' --cgroup-parent that were not there before: they go again. */
  readonly #madeParents = new Set<string>();

  constructor(dependencies: StepExecutorDependencies) {
    this.#d = dependencies;
  }

  async run(step: ExecutedStep, io: Io): Promise<number> {
    const { dir, spec, release } = await this.#prepare(step);
    const { memoryBytes, timeoutMs } = step.limits ?? {};
    const late = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
    const signals = [io.signal, late].filter((signal) => signal !== undefined);
    try {
      return await this.#d.runtime.runToEnd(spec, dir, {
        onOutput: io.onOutput,
        ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
        ...(memoryBytes === undefined || !io.onOutOfMemory ? {} : { onOutOfMemory: io.onOutOfMemory }),
      });
    } catch (error) {
      if (!late?.aborted || io.signal?.aborted) throw error;
      throw new LadingError('deadline_exceeded', `the step ran longer than ${timeoutMs} ms`, { cause: error });
    } finally {
      await release();
    }
  }

  async openTerminal(step: ExecutedStep, size: TerminalSize): Promise<StepTerminal> {
    const { runtime } = this.#d;
    const { dir, spec, release } = await this.#prepare({ ...step, process: { ...step.process, consoleSize: size } });
    const paths = { stateDir: dir, runDir: dir };
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => {
      closing ??= runtime.delete(spec.id, paths).finally(release);
      return closing;
    };
    try {
      await runtime.create(spec, paths, { openStdin: true, logDriver: 'none' });
      const attachment = await runtime.attach(spec.id, paths, { stdin: true, tty: true });
      await runtime.start(spec.id, paths);
      const ended = runtime.wait(spec.id, paths).then(
        () => undefined,
        () => undefined,
      );
      const resize = ({ rows, columns }: TerminalSize): Promise<void> => runtime.resize(paths, rows, columns);
      return { attachment, ended, resize, close };
    } catch (error) {
      await close();
      throw error;
    }
  }

  async #prepare(step: ExecutedStep): Promise<Prepared> {
    const { mounter } = this.#d;
    const id = `build-${randomBytes(16).toString('hex')}`;
    const dir = join(this.#d.runRoot, id);
    const rootfs = join(dir, 'rootfs');
    const cgroupParent = cgroupParentOf(step.cgroupParent);
    for (const path of withAncestors(cgroupParent)) if (!hasCgroup(path)) this.#madeParents.add(path);
    const release = (): Promise<void> => this.#release(id, dir, rootfs, cgroupParent);
    try {
      await mkdir(rootfs, { recursive: true, mode: 0o711 });
      mounter.mount(step.mount, rootfs);
      const network = await this.#network(id, dir, step);
      const cgroupPath = join(cgroupParent ?? this.#d.cgroupParent, id);
      return { dir, spec: { ...this.#specOf(id, rootfs, step, network), cgroupPath }, release };
    } catch (error) {
      await release();
      throw error;
    }
  }

  #specOf(
    id: string,
    rootfs: string,
    step: ExecutedStep,
    network: { namespace: Namespace; files: ContainerMount[] },
  ): Omit<ContainerSpec, 'cgroupPath'> {
    const { process, hostname, mounts, limits = {}, ulimits = [], shmSizeBytes, privileged = false } = step;
    return {
      id,
      process: { ...process, privileged },
      rootfs,
      readonlyRootfs: false,
      hostname,
      hostnameInEnv: false,
      mounts: [...network.files, ...mounts],
      namespaces: { pid: 'new', network: network.namespace, ipc: 'new', uts: 'new', cgroup: 'new' },
      privileged,
      capAdd: [],
      capDrop: [],
      securityOpt: [],
      devices: [],
      sysctls: network.namespace === 'host' ? {} : SYSCTLS,
      ulimits: ulimits.map(({ Name, Soft, Hard }) => ({ name: Name, soft: Soft, hard: Hard })),
      ...(shmSizeBytes ? { shmSizeBytes } : {}),
      resources: resourcesOf(limits),
      annotations: {},
    };
  }

  /** What fails is logged, and swept at the next start of the daemon: neither the step nor the rest of the release suffers. */
  async #release(id: string, dir: string, rootfs: string, cgroupParent: string | undefined): Promise<void> {
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
    for (const path of withAncestors(cgroupParent)) if (this.#madeParents.has(path)) removeCgroupParent(path);
    // A mount that is still there would be emptied with the folder.
    if (await attempt('rootfs', () => mounter.unmount(rootfs)))
      await attempt('folder', () => rm(dir, { recursive: true, force: true }));
  }

  async #network(
    id: string,
    dir: string,
    step: ExecutedStep,
  ): Promise<{ namespace: Namespace; files: ContainerMount[] }> {
    const { networks } = this.#d;
    const requests: EndpointRequest[] = [];
    const path = step.networkMode === 'host' ? undefined : await networks.createNetns(id);
    const namespace: Namespace = path === undefined ? 'host' : { path };
    if (path !== undefined && step.networkMode === 'default') {
      const request = stepRequest(id, networks.defaultNetwork().id, step.hostname);
      requests.push(request);
      await networks.connect(path, request);
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
      hosts: renderStepHosts(step.hostname, step.extraHosts, networks.defaultNetwork().gateway),
    };
    const files: ContainerMount[] = [];
    for (const [name, text] of Object.entries(texts)) {
      await writeFile(join(dir, name), text, { mode: 0o644 });
      // Read-only, as BuildKit mounts them: what a step would write is lost.
      const options = ['rbind', 'rprivate', 'ro', 'nosuid', 'nodev', 'noexec'];
      files.push({ type: 'bind', source: join(dir, name), target: `/etc/${name}`, options });
    }
    return { namespace, files };
  }
}

function resourcesOf({ cpuPeriodUs, cpuQuotaUs, pids, timeoutMs: _own, ...same }: StepLimits): Resources {
  return {
    ...same,
    ...(cpuPeriodUs === undefined ? {} : { cpuPeriod: cpuPeriodUs }),
    ...(cpuQuotaUs === undefined ? {} : { cpuQuota: cpuQuotaUs }),
    ...(pids === undefined ? {} : { pidsLimit: pids }),
  };
}

/** "/a/b" → "/a/b", "/a". */
function withAncestors(path: string | undefined): string[] {
  const all: string[] = [];
  for (let at = path ?? '/'; at !== '/'; at = posix.dirname(at)) all.push(at);
  return all;
}

/** A path below the hierarchies' root. @throws invalid_argument for one that leads out of them */
function cgroupParentOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const path = posix.normalize(`/${text}`);
  if (path !== '/' && !text.split('/').includes('..') && !text.includes('\0')) return path;
  throw new LadingError('invalid_argument', `invalid --cgroup-parent "${text}"`, { hint: 'give a path like /builds' });
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
