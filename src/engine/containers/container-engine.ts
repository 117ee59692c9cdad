import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { runCommand, type Log } from '../../base/index.ts';
import { LadingError, isLadingError, messageOf } from '../../errors/index.ts';
import { formatPlatform, platformMatches } from '../../oci/index.ts';
import type { Image, ImageStore } from '../../image/index.ts';
import type { Attachment, ContainerRuntime, LogLine, LogQuery } from '../../runtime/index.ts';
import type { Snapshotter } from '../../snapshot/index.ts';
import type { VolumeStore } from '../../volume/index.ts';
import { matchesLabels, matchesUntil } from '../filters.ts';
import type {
  ContainerEngine,
  ContainerView,
  CreateContainer,
  ExecConfig,
  ExecView,
  Filters,
  HostConfig,
  PathStat,
  RemoveOptions,
  WaitCondition,
} from '../types.ts';
import type { Committer, CommitOptions } from './committer.ts';
import type { ContainerFiles } from './container-files.ts';
import { resolveMountPoints } from './container-mounts.ts';
import { NEVER, hasProcess, isUp, snapshotKeyOf, type ContainerRecord } from './container-record.ts';
import { resourcesOf } from './container-spec.ts';
import type { ContainerTable } from './container-table.ts';
import { viewOf } from './container-view.ts';
import type { InitLayers } from './init-layer.ts';
import type { ExecSessions } from './exec-sessions.ts';
import type { Lifecycle } from './lifecycle.ts';
import { mergeConfig } from './merge-config.ts';
import { requestedMounts } from './mount-requests.ts';
import { checkContainerName, generateName } from './names.ts';
import { PendingAttachment } from './pending-attachment.ts';

export interface ContainerEngineDependencies {
  readonly table: ContainerTable;
  readonly lifecycle: Lifecycle;
  readonly files: ContainerFiles;
  readonly execs: ExecSessions;
  readonly committer: Committer;
  readonly initLayers: InitLayers;
  readonly images: ImageStore;
  readonly snapshotter: Snapshotter;
  readonly runtime: ContainerRuntime;
  readonly volumes: VolumeStore;
  readonly trash: string;
  readonly log: Log;
}

/** Use cases of containers: checks, then one of the parts below does the work. */
export class LocalContainers implements ContainerEngine {
  readonly #d: ContainerEngineDependencies;

  constructor(dependencies: ContainerEngineDependencies) {
    this.#d = dependencies;
    dependencies.lifecycle.autoRemove = (record) => this.#autoRemove(record);
  }

  async create(request: CreateContainer): Promise<{ id: string; warnings: string[] }> {
    const { table, snapshotter, lifecycle, volumes, initLayers } = this.#d;
    const image = await this.#imageOf(request);
    const config = mergeConfig(image.config.config, request.config);
    const requests = requestedMounts(config, request.hostConfig);
    checkHostConfig(request.hostConfig);
    const id = randomBytes(32).toString('hex');
    const name = this.#reserveName(id, request.name);
    let anonymous: string[] = [];
    try {
      const resolved = await resolveMountPoints(requests, volumes);
      const { mounts } = resolved;
      anonymous = resolved.anonymous;
      const parent = image.layers.at(-1)?.chainId;
      const record: ContainerRecord = {
        ...freshState(),
        id,
        name,
        imageId: image.id,
        image: request.config.Image,
        parent,
        config,
        hostConfig: request.hostConfig,
        endpointConfigs: { ...request.endpoints },
        mounts,
        anonymousVolumes: anonymous,
      };
      table.save(record);
      await snapshotter.prepare(snapshotKeyOf(id), await initLayers.ensure(parent));
      lifecycle.publish(record, 'create');
      return { id, warnings: [] };
    } catch (error) {
      table.delete(id);
      await snapshotter.remove(snapshotKeyOf(id)).catch(() => undefined);
      for (const volume of anonymous) await volumes.remove(volume).catch(() => undefined);
      throw error;
    } finally {
      this.#reserved.delete(name);
    }
  }

  readonly #reserved = new Map<string, string>();

  /** Names are taken before anything is awaited, so two creates cannot have one. */
  #reserveName(id: string, asked: string | undefined): string {
    const { table } = this.#d;
    if (asked === undefined || asked === '') {
      const name = generateName((candidate) => this.#reserved.has(candidate) || table.byName(candidate) !== undefined);
      this.#reserved.set(name, id);
      return name;
    }
    const name = checkContainerName(asked);
    this.#refuseTakenName(name);
    this.#reserved.set(name, id);
    return name;
  }

  #refuseTakenName(name: string): void {
    const holder = this.#reserved.get(name) ?? this.#d.table.byName(name)?.id;
    if (holder !== undefined)
      throw new LadingError(
        'conflict',
        `Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`,
      );
  }

  async #imageOf(request: CreateContainer): Promise<Image> {
    const { images } = this.#d;
    if (!request.config.Image) throw new LadingError('invalid_argument', 'no image specified');
    const { record } = images.resolve(request.config.Image);
    const wanted = request.platform && (await images.findFor(request.config.Image, request.platform));
    const image = wanted ?? (await images.open(record));
    if (request.platform && !platformMatches(request.platform, image.config))
      throw new LadingError(
        'not_found',
        `image with reference ${request.config.Image} was found but its platform (${formatPlatform(image.config)}) does not match the specified platform (${formatPlatform(request.platform)})`,
      );
    return image;
  }

  async list(): Promise<ContainerView[]> {
    return this.#d.table
      .all()
      .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
      .map((record) => this.#view(record));
  }

  async get(ref: string): Promise<ContainerView> {
    return this.#view(this.#find(ref));
  }

  #find(ref: string): ContainerRecord {
    return this.#d.table.find(ref);
  }

  #view(record: ContainerRecord): ContainerView {
    return viewOf(record, this.#d.lifecycle.pathsOf(record.id), this.#d.execs.idsOf(record.id));
  }

  start(ref: string): Promise<void> {
    return this.#d.lifecycle.start(this.#find(ref));
  }

  stop(ref: string, options: { timeoutSeconds?: number; signal?: string }): Promise<void> {
    return this.#d.lifecycle.stop(this.#find(ref), options);
  }

  async restart(ref: string, options: { timeoutSeconds?: number; signal?: string }): Promise<void> {
    await this.#d.lifecycle.restart(this.#find(ref), options);
  }

  async kill(ref: string, signal: string): Promise<void> {
    const record = this.#find(ref);
    if (record.status !== 'running' && record.status !== 'paused')
      throw new LadingError('conflict', `cannot kill container: ${ref}: container ${record.id} is not running`);
    if (['SIGKILL', 'KILL', '9', 'SIGTERM', 'TERM', '15', ''].includes(signal)) record.stoppedByUser = true;
    if (record.status === 'paused' && ['SIGKILL', 'KILL', '9'].includes(signal))
      await this.#d.lifecycle.unpause(record);
    await this.#d.runtime.kill(record.id, signal || 'SIGKILL');
    this.#d.lifecycle.publish(record, 'kill', { signal: signal || 'SIGKILL' });
  }

  pause(ref: string): Promise<void> {
    return this.#d.lifecycle.pause(this.#find(ref));
  }

  unpause(ref: string): Promise<void> {
    return this.#d.lifecycle.unpause(this.#find(ref));
  }

  async rename(ref: string, name: string): Promise<void> {
    const record = this.#find(ref);
    const next = checkContainerName(name);
    if (next === record.name)
      throw new LadingError('invalid_argument', 'Renaming a container with the same name as its current name');
    this.#refuseTakenName(next);
    const oldName = record.name;
    record.name = next;
    this.#d.table.save(record);
    this.#d.lifecycle.publish(record, 'rename', { oldName: `/${oldName}` });
  }

  async update(ref: string, hostConfig: HostConfig): Promise<void> {
    const record = this.#find(ref);
    const changed = Object.fromEntries(
      Object.entries(hostConfig).filter(
        ([, value]) => value !== undefined && value !== 0 && value !== '' && value !== null,
      ),
    );
    const policy = changed['RestartPolicy'] as HostConfig['RestartPolicy'];
    if (policy && !policy.Name) delete changed['RestartPolicy'];
    const next = { ...record.hostConfig, ...changed };
    checkHostConfig(next);
    if (hasProcess(record)) await this.#d.runtime.update(record.id, resourcesOf(next));
    record.hostConfig = next;
    this.#d.table.save(record);
    this.#d.lifecycle.publish(record, 'update');
  }

  async remove(ref: string, options: RemoveOptions): Promise<void> {
    const record = this.#find(ref);
    const { lifecycle } = this.#d;
    if (isUp(record)) {
      if (!options.force)
        throw new LadingError(
          'conflict',
          `cannot remove container "${ref}": container is ${record.status}: stop the container before removing or force remove`,
        );
      await lifecycle.stop(record, { timeoutSeconds: 0, signal: 'SIGKILL' }).catch((error: unknown) => {
        if (!(error instanceof LadingError && error.code === 'not_modified')) throw error;
      });
    }
    await this.#erase(record, { volumes: options.volumes ?? false, force: options.force ?? false });
  }

  async #autoRemove(record: ContainerRecord): Promise<void> {
    try {
      await this.#erase(record, { volumes: true, force: false });
    } catch (error) {
      this.#d.log.error('removing a container failed', { container: record.id, error: messageOf(error) });
      this.#d.lifecycle.waiters.removed(record.id, { exitCode: record.exitCode });
    }
  }

  /** Idempotent: marked first, so that an interrupted removal is finished at the next start. */
  async #erase(record: ContainerRecord, options: { volumes: boolean; force: boolean }): Promise<void> {
    const { table, lifecycle, snapshotter, trash } = this.#d;
    await lifecycle.locks.run(record.id, async () => {
      if (!table.byId(record.id)) return;
      // Looked at under the lock: a start may have come between the caller's look and this.
      if (isUp(record) && !options.force)
        throw new LadingError(
          'conflict',
          `cannot remove container "${record.name}": container is ${record.status}: stop the container before removing or force remove`,
        );
      record.status = 'removing';
      table.save(record);
      await lifecycle.release(record);
      lifecycle.endPending(record.id);
      await snapshotter.remove(snapshotKeyOf(record.id));
      const doomed = join(trash, `container-${record.id}`);
      await rename(lifecycle.pathsOf(record.id).stateDir, doomed).catch(() => undefined);
      table.delete(record.id);
      lifecycle.waiters.removed(record.id, { exitCode: record.exitCode });
      lifecycle.publish(record, 'destroy');
      void rm(doomed, { recursive: true, force: true }).catch(() => undefined);
      if (options.volumes) await this.#removeVolumes(record);
    });
  }

  /** Its anonymous volumes, but for those that another container mounts by name. */
  async #removeVolumes(record: ContainerRecord): Promise<void> {
    const { table, volumes, log } = this.#d;
    const others = new Set(table.all().flatMap((other) => other.mounts.map((mount) => mount.name)));
    for (const name of record.anonymousVolumes.filter((volume) => !others.has(volume)))
      await volumes
        .remove(name)
        .catch((error: unknown) =>
          log.warn('a volume could not be removed', { volume: name, error: messageOf(error) }),
        );
  }

  async wait(
    ref: string,
    condition: WaitCondition,
    signal?: AbortSignal,
  ): Promise<{ exitCode: number; error?: string }> {
    const record = this.#find(ref);
    if (condition === 'not-running' && !isUp(record)) return { exitCode: record.exitCode };
    return this.#d.lifecycle.waiters.wait(record.id, condition, signal);
  }

  async attach(
    ref: string,
    options: { stdin: boolean; stdout: boolean; stderr: boolean; logs: boolean; stream: boolean },
  ): Promise<Attachment> {
    const record = this.#find(ref);
    if (record.status === 'paused')
      throw new LadingError('conflict', `Container ${record.id} is paused, unpause the container before attach`);
    const tty = record.config.Tty ?? false;
    const stdin = options.stdin && (record.config.OpenStdin ?? false);
    if (record.status === 'running')
      return this.#d.runtime.attach(record.id, this.#d.lifecycle.pathsOf(record.id), { stdin, tty });
    const pending = new PendingAttachment({ stdin, tty });
    this.#d.lifecycle.addPending(record.id, pending);
    return pending;
  }

  async logs(ref: string, query: LogQuery): Promise<{ tty: boolean; lines: AsyncIterable<LogLine> }> {
    const record = this.#find(ref);
    if (record.hostConfig.LogConfig?.Type === 'none')
      throw new LadingError('not_implemented', 'configured logging driver does not support reading', {
        hint: 'run without --log-driver none',
      });
    const follow = query.follow && isUp(record);
    const ended = new AbortController();
    if (follow)
      void this.#d.lifecycle.waiters.wait(record.id, 'next-exit').then(() => setTimeout(() => ended.abort(), 100));
    const signal = query.signal ? AbortSignal.any([query.signal, ended.signal]) : ended.signal;
    const lines = this.#d.runtime.logs(this.#d.lifecycle.pathsOf(record.id), { ...query, follow, signal });
    return { tty: record.config.Tty ?? false, lines };
  }

  async resize(ref: string, rows: number, columns: number): Promise<void> {
    const record = this.#find(ref);
    if (record.status !== 'running') throw new LadingError('conflict', `container ${record.id} is not running`);
    await this.#d.runtime.resize(this.#d.lifecycle.pathsOf(record.id), rows, columns);
  }

  async top(ref: string, psArgs: string): Promise<{ titles: string[]; processes: string[][] }> {
    const record = this.#find(ref);
    if (record.status !== 'running' && record.status !== 'paused')
      throw new LadingError('conflict', `container ${record.id} is not running`);
    const pids = new Set(await this.#d.runtime.pids(record.id));
    const result = await runCommand('ps', psArgs === '' ? ['-ef'] : psArgs.split(/\s+/), { timeoutMs: 5000 });
    if (result.status !== 0) throw new LadingError('invalid_argument', `ps: ${result.stderr.trim()}`);
    return selectProcesses(result.stdout, pids);
  }

  diff(ref: string): Promise<{ Path: string; Kind: 0 | 1 | 2 }[]> {
    return this.#d.files.diff(this.#find(ref));
  }

  export(ref: string): Promise<Readable> {
    return this.#d.files.export(this.#find(ref));
  }

  archive(ref: string, path: string): Promise<{ stat: PathStat; tar: Readable }> {
    return this.#d.files.archive(this.#find(ref), path);
  }

  statPath(ref: string, path: string): Promise<PathStat> {
    return this.#d.files.stat(this.#find(ref), path);
  }

  unarchive(
    ref: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
  ): Promise<void> {
    return this.#d.files.unarchive(this.#find(ref), path, tar, options);
  }

  async commit(ref: string, options: CommitOptions): Promise<string> {
    const record = this.#find(ref);
    const pause = options.pause && record.status === 'running';
    if (pause) await this.#d.lifecycle.pause(record);
    try {
      return await this.#d.committer.commit(record, options);
    } finally {
      // It may have ended meanwhile; what was committed stays.
      if (pause) await this.#d.lifecycle.unpause(record).catch(() => undefined);
    }
  }

  async size(ref: string): Promise<{ rw: number; rootfs: number }> {
    const record = this.#find(ref);
    const rw = (await this.#d.snapshotter.usage(snapshotKeyOf(record.id))).sizeBytes;
    const image = this.#d.images.find(record.imageId)?.record;
    return { rw, rootfs: rw + (image?.sizeBytes ?? 0) };
  }

  async prune(filters: Filters): Promise<{ deleted: string[]; spaceReclaimed: number }> {
    const deleted: string[] = [];
    let spaceReclaimed = 0;
    for (const record of this.#d.table.all()) {
      if (!['created', 'exited', 'dead'].includes(record.status)) continue;
      if (!matchesLabels(record.config.Labels ?? {}, filters) || !matchesUntil(record.createdAt, filters)) continue;
      spaceReclaimed += (await this.size(record.id)).rw;
      try {
        await this.#erase(record, { volumes: false, force: false });
        deleted.push(record.id);
      } catch (error) {
        if (!isLadingError(error, 'conflict')) throw error;
      }
    }
    return { deleted, spaceReclaimed };
  }

  async execCreate(ref: string, config: ExecConfig): Promise<string> {
    return this.#d.execs.create(this.#find(ref), config);
  }

  execStart(
    execId: string,
    options: { detach: boolean; consoleSize?: readonly [number, number] },
  ): Promise<Attachment | undefined> {
    return this.#d.execs.start(execId, options);
  }

  async execInspect(execId: string): Promise<ExecView> {
    return this.#d.execs.inspect(execId);
  }

  execResize(execId: string, rows: number, columns: number): Promise<void> {
    return this.#d.execs.resize(execId, rows, columns);
  }
}

type FreshState = Pick<
  ContainerRecord,
  | 'createdAt'
  | 'status'
  | 'pid'
  | 'exitCode'
  | 'oomKilled'
  | 'error'
  | 'startedAt'
  | 'finishedAt'
  | 'restartCount'
  | 'stoppedByUser'
  | 'endpoints'
  | 'ports'
>;

function freshState(): FreshState {
  return {
    createdAt: new Date().toISOString(),
    status: 'created',
    pid: 0,
    exitCode: 0,
    oomKilled: false,
    error: '',
    startedAt: NEVER,
    finishedAt: NEVER,
    restartCount: 0,
    stoppedByUser: false,
    endpoints: [],
    ports: {},
  };
}

const RESTART_POLICIES = ['', 'no', 'always', 'unless-stopped', 'on-failure'];
const MIN_MEMORY = 6 * 1024 * 1024;

/** What Docker refuses before it makes anything. @throws invalid_argument, not_implemented */
function checkHostConfig(hostConfig: HostConfig): void {
  const { Name: policy = '', MaximumRetryCount: retries = 0 } = hostConfig.RestartPolicy ?? {};
  if (!RESTART_POLICIES.includes(policy))
    throw new LadingError('invalid_argument', `invalid restart policy: unknown policy '${policy}'`);
  if (retries > 0 && policy !== 'on-failure')
    throw new LadingError(
      'invalid_argument',
      "invalid restart policy: maximum retry count can only be used with 'on-failure'",
    );
  if (hostConfig.AutoRemove && policy !== '' && policy !== 'no')
    throw new LadingError('invalid_argument', "can't create 'AutoRemove' container with restart policy");
  if (hostConfig.Memory && hostConfig.Memory < MIN_MEMORY)
    throw new LadingError('invalid_argument', 'Minimum memory limit allowed is 6MB');
  const driver = hostConfig.LogConfig?.Type ?? '';
  if (!['', 'json-file', 'local', 'none'].includes(driver))
    throw new LadingError('not_implemented', `logging driver "${driver}" is not supported`, {
      hint: 'use json-file, local or none',
    });
}

/** The rows of `ps` whose PID is one of the container's. */
function selectProcesses(output: string, pids: ReadonlySet<number>): { titles: string[]; processes: string[][] } {
  const [header = '', ...rows] = output.trimEnd().split('\n');
  const titles = header.trim().split(/\s+/);
  const pidColumn = titles.indexOf('PID');
  if (pidColumn < 0) throw new LadingError('invalid_argument', "Couldn't find PID field in ps output");
  const split = (row: string): string[] => {
    const words = row.trim().split(/\s+/);
    return [...words.slice(0, titles.length - 1), words.slice(titles.length - 1).join(' ')];
  };
  return { titles, processes: rows.map(split).filter((words) => pids.has(Number(words[pidColumn]))) };
}
