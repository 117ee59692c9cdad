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

  constructor(metadata: MetadataStore) {
    this.#metadata = metadata;
    this.#runs = metadata.collection('build-runs');
  }

  /** Latest first. */
  of(name: string): readonly BuildRun[] {
    return this.#runs.get(keyOf(name)) ?? [];
  }

  add(run: BuildRun): void {
    this.#metadata.transaction(() => this.#runs.put(keyOf(run.name), [run, ...this.of(run.name)].slice(0, MAX_RUNS)), {
      durable: false,
    });
    if (Math.random() < 1 / TRIM_EVERY) this.trim();
  }

  /** The last build of a name, a tag or an image ID (or its beginning); without one, of all. @throws not_found */
  find(wanted = ''): BuildRun {
    const found = this.#runs
      .list()
      .flatMap(({ value }) => value)
      .filter((run) => wanted === '' || isCalled(run, wanted))
      .reduce<BuildRun | undefined>((latest, run) => (latest && latest.at >= run.at ? latest : run), undefined);
    if (found) return found;
    throw wanted === ''
      ? new LadingError('not_found', 'no build was recorded yet')
      : new LadingError('not_found', `no build of "${wanted.slice(0, 300)}" is recorded`, {
          hint: 'name a build by its --name, its tag, its image ID, or its context folder with the Dockerfile',
        });
  }

  /** Forgets the names built longest ago beyond the bound. */
  trim(max: number = MAX_NAMES): void {
    const all = this.#runs.list().sort((a, b) => ((a.value[0]?.at ?? '') < (b.value[0]?.at ?? '') ? 1 : -1));
    if (all.length <= max) return;
    this.#metadata.transaction(() => all.slice(max).forEach(({ key }) => this.#runs.delete(key)), { durable: false });
  }
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
