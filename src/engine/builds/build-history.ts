import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Log } from '../../base/index.ts';
import type { BuildRequest } from '../../builder/index.ts';
import { LadingError, messageOf } from '../../errors/index.ts';
import type { Collection, MetadataStore } from '../../metadata/index.ts';
import type { BuildRecord } from './build-record.ts';
import { BuildRecorder } from './build-recorder.ts';
import { failedLogName, StepLogs, type LogPiece } from './step-log.ts';

const MAX_BUILDS = 200;
/** Keys that sort by time. */
const TIME_DIGITS = 12;

/** A step of a build and what it printed. */
export interface BuildLog {
  readonly step: BuildRecord['steps'][number];
  readonly pieces: AsyncIterable<LogPiece>;
}

/** Records of finished and running builds with the logs of their steps. The newest are kept, each costs a few kilobytes. */
export class BuildHistory {
  readonly #records: Collection<BuildRecord>;
  readonly #metadata: MetadataStore;
  readonly #logs: StepLogs;
  readonly #log: Log;
  readonly #running = new Map<string, BuildRecorder>();
  #lastStartMs = 0;

  private constructor(metadata: MetadataStore, folder: string, log: Log) {
    this.#metadata = metadata;
    this.#records = metadata.collection('builds');
    this.#logs = new StepLogs(join(folder, 'logs'));
    this.#log = log;
  }

  static async open(metadata: MetadataStore, folder: string, log: Log): Promise<BuildHistory> {
    const history = new BuildHistory(metadata, folder, log);
    await history.#logs.open();
    await history.#sweepLogs();
    return history;
  }

  /** Begins the record of a build; `finish` has to follow. */
  begin(request: BuildRequest): { id: string; recorder: BuildRecorder } {
    const id = randomBytes(6).toString('hex');
    // No two builds begin at once: their order is that of their times.
    this.#lastStartMs = Math.max(Date.now(), this.#lastStartMs + 1);
    const recorder = new BuildRecorder(id, request, this.#logs, new Date(this.#lastStartMs));
    this.#running.set(id, recorder);
    return { id, recorder };
  }

  /** Keeps a build that ended. A record that cannot be written costs a warning, never the build. */
  async finish(id: string, outcome: Parameters<BuildRecorder['finish']>[0]): Promise<void> {
    const recorder = this.#running.get(id);
    if (!recorder) return;
    try {
      const record = await recorder.finish(outcome);
      this.#metadata.transaction(() => this.#records.put(keyOf(record), record), { durable: false });
      await this.#evict();
    } catch (error) {
      this.#log.warn('a build was not recorded', { build: id, error: messageOf(error) });
    } finally {
      this.#running.delete(id);
    }
  }

  /** Newest first, running ones too. */
  list(): BuildRecord[] {
    const running = [...this.#running.values()].map((recorder) => recorder.snapshot());
    const kept = this.#records.list().map(({ value }) => value);
    return [...kept, ...running].reverse();
  }

  /** By id or prefix, by name (its newest), or "latest"; "" is the latest too. @throws not_found, invalid_argument when several begin so */
  get(ref: string): BuildRecord {
    const all = this.list();
    if (ref === '' || ref === 'latest') {
      if (all[0]) return all[0];
      throw new LadingError('not_found', 'no build is recorded yet');
    }
    const named = all.find(({ name, tags }) => name === ref || tags.includes(ref));
    const byId = /^[0-9a-f]{2,12}$/.test(ref) ? all.filter(({ id }) => id.startsWith(ref)) : [];
    if (byId.length > 1 && !named)
      throw new LadingError('invalid_argument', `build "${ref}" is ambiguous: ${byId.length} ids begin with it`);
    const found = byId.length === 1 ? byId[0] : named;
    if (found) return found;
    throw new LadingError('not_found', `No such build: ${ref}`, { hint: '`lading builds ls` lists them' });
  }

  /** The build of the same name before this one that ended well. */
  previousOf(record: BuildRecord): BuildRecord | undefined {
    return this.list().find(
      ({ id, name, status, startedAt }) =>
        id !== record.id && name === record.name && status === 'completed' && startedAt < record.startedAt,
    );
  }

  /** Logs of one step or of all that have one; also of cached steps, from the run that made their result. @throws not_found */
  log(ref: string, step?: number): { record: BuildRecord; logs: BuildLog[] } {
    const record = this.get(ref);
    const steps = step === undefined ? record.steps : record.steps.filter((one) => one.step === step);
    if (step !== undefined && steps.length === 0)
      throw new LadingError('not_found', `build ${record.id} has no step ${step}`, {
        hint:
          record.steps.length === 0 ? 'it ended before its first step' : `its steps are 1 to ${record.steps.length}`,
      });
    return { record, logs: steps.map((one) => ({ step: one, pieces: this.#logs.read(logNameOf(record, one)) })) };
  }

  async remove(ref: string): Promise<string> {
    const record = this.get(ref);
    if (record.status === 'running') throw new LadingError('conflict', `remove build ${record.id}: it is running`);
    this.#metadata.transaction(() => this.#records.delete(keyOf(record)), { durable: false });
    await this.#sweepLogs();
    return record.id;
  }

  async #evict(): Promise<void> {
    const surplus = this.#records.list().slice(0, -MAX_BUILDS);
    if (surplus.length === 0) return;
    this.#metadata.transaction(() => surplus.forEach(({ key }) => this.#records.delete(key)), { durable: false });
    await this.#sweepLogs();
  }

  /** A log lives as long as a recorded build shows it. */
  async #sweepLogs(): Promise<void> {
    const names = this.list().flatMap((build) =>
      build.steps.flatMap((step) => [logNameOf(build, step), failedLogName(build.id, step.step)]),
    );
    await this.#logs.keepOnly(new Set(names));
  }
}

function keyOf({ id, startedAt }: BuildRecord): string {
  return `${Date.parse(startedAt).toString(16).padStart(TIME_DIGITS, '0')}-${id}`;
}

function logNameOf({ id }: BuildRecord, { key, step }: BuildRecord['steps'][number]): string {
  return key ?? failedLogName(id, step);
}
