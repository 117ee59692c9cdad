import { PassThrough, Readable } from 'node:stream';
import type { ContainerView, Engine, ImageView, NetworkView, SystemInfo, VolumeView } from '../../engine/index.ts';
import { LadingError } from '../../errors/index.ts';
import type { Attachment } from '../../runtime/index.ts';

export const CONTAINER_ID = 'c'.repeat(64);
export const IMAGE_ID = `sha256:${'a'.repeat(64)}`;

/** A running container with one published port. */
export function containerView(changes: Partial<ContainerView> = {}): ContainerView {
  return {
    id: CONTAINER_ID,
    name: 'web',
    createdAt: '2026-01-01T00:00:00Z',
    imageId: IMAGE_ID,
    image: 'alpine:3.20',
    path: 'sh',
    args: ['-c', 'sleep 1'],
    config: { Image: 'alpine:3.20', Labels: { tier: 'front' } },
    hostConfig: { NetworkMode: 'bridge' },
    state: {
      status: 'running',
      pid: 42,
      exitCode: 0,
      oomKilled: false,
      error: '',
      startedAt: '2026-01-01T00:00:01Z',
      finishedAt: '0001-01-01T00:00:00Z',
    },
    restartCount: 0,
    endpoints: [
      {
        networkId: 'n1',
        networkName: 'bridge',
        endpointId: 'e1',
        ipAddress: '172.17.0.2',
        prefixLength: 16,
        gateway: '172.17.0.1',
        macAddress: '02:42:ac:11:00:02',
        aliases: [],
      },
    ],
    ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }], '443/tcp': null },
    mounts: [],
    logPath: '/log',
    hostnamePath: '/hostname',
    hostsPath: '/hosts',
    resolvConfPath: '/resolv.conf',
    driver: 'overlay2',
    platform: 'linux',
    execIds: [],
    ...changes,
  };
}

export function imageView(changes: Partial<ImageView> = {}): ImageView {
  return {
    id: IMAGE_ID,
    repoTags: ['alpine:3.20'],
    repoDigests: [],
    createdAt: '2026-01-01T00:00:00Z',
    sizeBytes: 1000,
    author: '',
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['sh'] },
    diffIds: [`sha256:${'d'.repeat(64)}`],
    labels: {},
    containers: 0,
    dangling: false,
    lastTaggedAt: '',
    ...changes,
  };
}

export const NETWORK: NetworkView = {
  id: 'n1',
  name: 'bridge',
  createdAt: '2026-01-01T00:00:00Z',
  driver: 'bridge',
  internal: false,
  subnet: '172.17.0.0/16',
  gateway: '172.17.0.1',
  labels: {},
  options: {},
  containers: [],
};

export const VOLUME: VolumeView = {
  name: 'data',
  mountpoint: '/volumes/data',
  createdAt: '2026-01-01T00:00:00Z',
  labels: {},
  options: {},
  anonymous: false,
};

export const INFO: SystemInfo = {
  id: 'id',
  name: 'host',
  dataRoot: '/data',
  kernelVersion: '6.1',
  operatingSystem: 'Linux',
  architecture: 'amd64',
  cpus: 2,
  memoryBytes: 1024,
  cgroupVersion: '2',
  cgroupDriver: 'cgroupfs',
  runtime: { name: 'runc', version: '1.1', path: '/usr/bin/runc' },
  storageDriver: 'overlay2',
  containers: { total: 1, running: 1, paused: 0, stopped: 0 },
  images: 1,
  securityOptions: [],
  warnings: [],
  insecureRegistries: [],
  registryMirrors: [],
  debug: false,
  httpProxy: '',
  httpsProxy: '',
  noProxy: '',
  startedAt: '2026-01-01T00:00:00Z',
};

/** Streams that give back what they are given: output is input, and it ends when input ends. */
export function echoAttachment(): Attachment & { detached: boolean } {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  stdin.pipe(stdout);
  const stderr = Readable.from([Buffer.from('oops')]);
  return {
    stdin,
    stdout,
    stderr,
    detached: false,
    detach() {
      this.detached = true;
    },
  };
}

type Overrides = { [K in keyof Engine]?: Partial<Engine[K]> };

/** Whatever a test did not provide fails loudly. */
function part<T extends object>(name: string, given: object): T {
  return new Proxy(given, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key);
      if (member !== undefined) return member;
      return () => Promise.reject(new LadingError('internal', `fake engine: ${name}.${String(key)} was not provided`));
    },
  }) as T;
}

/** An engine with one container, image, network and volume; a test adds the use cases it needs. */
export function fakeEngine(overrides: Overrides = {}): Engine {
  const container = (ref: string): Promise<ContainerView> =>
    ref === 'web' || CONTAINER_ID.startsWith(ref)
      ? Promise.resolve(containerView())
      : Promise.reject(new LadingError('not_found', `No such container: ${ref}`));
  return {
    system: part('system', { info: async () => INFO, ...overrides.system }),
    containers: part('containers', { list: async () => [containerView()], get: container, ...overrides.containers }),
    images: part('images', { list: async () => [imageView()], get: async () => imageView(), ...overrides.images }),
    networks: part('networks', { list: async () => [NETWORK], get: async () => NETWORK, ...overrides.networks }),
    volumes: part('volumes', { list: async () => [VOLUME], get: async () => VOLUME, ...overrides.volumes }),
    builder: part('builder', overrides.builder ?? {}),
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
