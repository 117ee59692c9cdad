import { hash } from 'node:crypto';
import { LadingError } from '../../errors/index.ts';
import type { Collection, MetadataStore } from '../../metadata/index.ts';
import { formatReference, parseReference, withDefaultTag } from '../../oci/index.ts';

/** A step of a build that ended, as `cache why` tells it. */
export interface RunStep {
  readonly step: number;
  /** "[build 2/4]" */
  readonly place: string;
  readonly stage: string;
  readonly platform: string;
  readonly kind: string;
  /** The instruction. */
  readonly name: string;
  readonly status: 'cached' | 'ran' | 'failed';
  readonly key: string;
  /** Why it was not cached; absent when it was. */
  readonly cause?: string;
  readonly message?: string;
  readonly parent?: number;
  readonly subject?: string;
  readonly before?: string;
  readonly after?: string;
}

/** One build of a name. */
export interface BuildRun {
  readonly name: string;
  /** RFC 3339. */
  readonly at: string;
  readonly tags: readonly string[];
  readonly imageId?: string;
  readonly steps: readonly RunStep[];
}

const MAX_RUNS = 5;
const MAX_NAMES = 200;
/** How many builds are written, on average, between two counts of all names. */
const TRIM_EVERY = 50;

/** The last builds of each name: what their steps were and why they ran. */
export class BuildRuns {
  readonly #metadata: MetadataStore;
  readonly #runs: Collection<readonly BuildRun[]>;
  /** The last build of each name in which nothing ran: written without reading, so that it costs next to nothing. */
  readonly #cached: Collection<BuildRun>;

  constructor(metadata: MetadataStore) {
    this.#metadata = metadata;
    this.#runs = metadata.collection('build-runs');
    this.#cached = metadata.collection('build-runs-cached');
  }

  /** Latest first. */
  of(name: string): readonly BuildRun[] {
    const key = keyOf(name);
    const cached = this.#cached.get(key);
    return [...(this.#runs.get(key) ?? []), ...(cached ? [cached] : [])].sort(latestFirst);
  }

  add(run: BuildRun): void {
    const key = keyOf(run.name);
    const write = run.steps.every(({ status }) => status === 'cached')
      ? () => this.#cached.put(key, run)
      : () => this.#runs.put(key, [run, ...(this.#runs.get(key) ?? [])].slice(0, MAX_RUNS));
    this.#metadata.transaction(write, { durable: false });
    if (Math.random() < 1 / TRIM_EVERY) this.trim();
  }

  /** The last build of a name, a tag or an image ID (or its beginning); without one, of all. @throws not_found */
  find(wanted = ''): BuildRun {
    const all = [...this.#runs.list().flatMap(({ value }) => value), ...this.#cached.list().map(({ value }) => value)];
    const [found] = all.filter((run) => wanted === '' || isCalled(run, wanted)).sort(latestFirst);
    if (found) return found;
    throw wanted === ''
      ? new LadingError('not_found', 'no build was recorded yet')
      : new LadingError('not_found', `no build of "${wanted.slice(0, 300)}" is recorded`, {
          hint: 'name a build by its --name, its tag, its image ID, or its context folder with the Dockerfile',
        });
  }

  /** Forgets the names built longest ago beyond the bound. */
  trim(max: number = MAX_NAMES): void {
    const times = new Map(this.#cached.list().map(({ key, value }) => [key, value.at]));
    for (const { key, value } of this.#runs.list()) {
      const [last = ''] = [value[0]?.at ?? '', times.get(key) ?? ''].sort().reverse();
      times.set(key, last);
    }
    const oldest = [...times].sort(([, a], [, b]) => (a < b ? 1 : -1)).slice(max);
    if (oldest.length === 0) return;
    const forget = (): void =>
      oldest.forEach(([key]) => [this.#runs, this.#cached].forEach((runs) => runs.delete(key)));
    this.#metadata.transaction(forget, { durable: false });
  }
}

function latestFirst(a: BuildRun, b: BuildRun): number {
  return a.at < b.at ? 1 : a.at > b.at ? -1 : 0;
}

function keyOf(name: string): string {
  return hash('sha256', name);
}

const SHORTEST_ID = 6;

function isCalled({ name, tags, imageId }: BuildRun, wanted: string): boolean {
  if (name === wanted || name === `${wanted}/Dockerfile` || tags.includes(wanted) || tags.includes(fullTag(wanted)))
    return true;
  const id = wanted.replace(/^sha256:/, '');
  return id.length >= SHORTEST_ID && imageId?.replace(/^sha256:/, '').startsWith(id) === true;
}

function fullTag(text: string): string {
  try {
    return formatReference(withDefaultTag(parseReference(text)));
  } catch {
    return text;
  }
}
