import assert from 'node:assert/strict';
import { spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDaemon } from './test-daemon.ts';

const PATIENCE_MS = 20_000;

/** Waits until `look` says yes. */
export async function until(what: string, look: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!look()) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await sleep(20);
  }
}

/** What a build that has ended must not leave in its daemon: mounts, containers, namespaces, monitors, scratch folders, unfinished snapshots and blobs. */
export class BuildTraces {
  readonly #daemon: TestDaemon;
  readonly #snapshots: readonly string[];
  readonly #cgroupParent: string;

  /** @param cgroupParent the builds' --cgroup-parent: other daemons of this machine have their own */
  constructor(daemon: TestDaemon, cgroupParent: string) {
    this.#daemon = daemon;
    this.#cgroupParent = cgroupParent;
    this.#snapshots = this.#snapshotFolders();
  }

  list(): string[] {
    const { dir, dataRoot } = this.#daemon;
    const run = join(dir, 'run');
    return [
      ...this.#daemon.mounts(),
      ...['steps', 'runc', 'crun', 'netns'].flatMap((name) => filesIn(join(run, name))),
      ...['mounts', 'files', 'contexts'].flatMap((name) => filesIn(join(dataRoot, 'build', name))),
      ...['ingest', 'staging'].flatMap((name) => filesIn(join(dataRoot, 'content', name))),
      ...this.#snapshotFolders().filter((path) => !this.#snapshots.includes(path)),
      ...cgroupsNamed(this.#cgroupParent),
      ...processesNaming(join(run, 'steps')),
    ];
  }

  async assertNone(): Promise<void> {
    await this.#assertNone(() => this.list());
  }

  /** As {@link assertNone}, but finished steps may have left layers in the cache. */
  async assertOnlyLayers(): Promise<void> {
    await this.#assertNone(() => this.list().filter((path) => !path.includes('/snapshots/')));
  }

  async #assertNone(list: () => string[]): Promise<void> {
    try {
      await until('the build left nothing', () => list().length === 0);
    } catch {
      assert.deepEqual(list(), []);
    }
  }

  #snapshotFolders(): string[] {
    return filesIn(join(this.#daemon.dataRoot, 'snapshots')).filter((path) => /\/\d+$/.test(path));
  }
}

function filesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

function cgroupsNamed(name: string): string[] {
  const root = '/sys/fs/cgroup';
  return ['', ...readdirSync(root)].map((hierarchy) => join(root, hierarchy, name)).filter((path) => existsSync(path));
}

function processesNaming(text: string): string[] {
  return spawnSync('pgrep', ['-af', text], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
}

/** Output of a command that runs on. */
export class Watched {
  readonly process: ChildProcess;
  text = '';
  static readonly #all = new Set<ChildProcess>();

  /** Ends what a failed test left running. */
  static endAll(): void {
    for (const child of Watched.#all) child.kill('SIGKILL');
  }

  constructor(child: ChildProcess) {
    this.process = child;
    Watched.#all.add(child);
    child.once('close', () => Watched.#all.delete(child));
    const take = (chunk: Buffer): void => void (this.text += chunk.toString('utf8'));
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
  }

  /** Until it has printed this. */
  async says(words: string): Promise<void> {
    await until(`"${words}" is printed; so far:\n${this.text}`, () => this.text.includes(words));
  }

  /** Sends a signal and waits for the end; the exit code, or the signal's name. */
  async end(signal?: NodeJS.Signals): Promise<number | string | null> {
    const { process: child } = this;
    if (child.exitCode === null && child.signalCode === null) {
      let closed = false;
      child.once('close', () => (closed = true));
      if (signal) child.kill(signal);
      await until(`the command has ended; so far:\n${this.text}`, () => closed);
    }
    return child.exitCode ?? child.signalCode;
  }
}

/** Files below the folders that hold these bytes. */
export function filesHolding(bytes: string, folders: readonly string[]): string[] {
  const found = spawnSync('grep', ['-rlaF', '--', bytes, ...folders], { encoding: 'utf8' });
  return found.stdout.split('\n').filter(Boolean);
}

export function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
