import { hash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Collection, MetadataStore } from '../../metadata/index.ts';
import type { StepInputs } from '../cache/cache-record.ts';
import { FileLists } from './file-lists.ts';
import type { Lineage } from './lineage.ts';

/** What is remembered of a step that ran, to compare later ones with. It outlives the cache record. */
export interface StepMemory {
  readonly kind: string;
  readonly text: string;
  /** What the key was made of; values that look secret masked. */
  readonly inputs: StepInputs;
  /** Not part of the key, but good for telling why it differs. */
  readonly notes: StepInputs;
  /** Names what lay below it. */
  readonly lineage: string;
  /** RFC 3339. */
  readonly at: string;
}

/** A step as it ran. */
export interface RanStep {
  readonly key: string;
  readonly memory: Omit<StepMemory, 'lineage' | 'at'>;
  /** What lay below it. */
  readonly below: Lineage;
}

interface LineageNode {
  readonly above?: string;
  readonly entry: Lineage[number];
}

const MAX_STEPS = 4000;
const MAX_SAME_TEXT = 4;
const MAX_DEPTH = 1000;
/** How many steps are remembered, on average, between two counts of all. */
const TRIM_EVERY = 200;

/** Steps of earlier builds in the metadata store: as many as a bound allows, the latest ones. Only steps that ran are written. */
export class BuildMemory {
  readonly lists: FileLists;
  readonly #metadata: MetadataStore;
  readonly #steps: Collection<StepMemory>;
  readonly #byText: Collection<readonly string[]>;
  readonly #lineages: Collection<LineageNode>;
  readonly #salts: Collection<string>;

  constructor(metadata: MetadataStore, folder: string) {
    this.#metadata = metadata;
    this.#steps = metadata.collection('build-steps');
    this.#byText = metadata.collection('build-steps-by-text');
    this.#lineages = metadata.collection('build-lineages');
    this.lists = new FileLists(join(folder, 'file-lists'));
    this.#salts = metadata.collection('build-salt');
  }

  /** This store's own; masks values. Made when first asked for. */
  get salt(): string {
    const known = this.#salts.get('salt');
    if (known !== undefined) return known;
    const salt = randomBytes(16).toString('hex');
    this.#metadata.transaction(() => this.#salts.put('salt', salt), { durable: false });
    return salt;
  }

  step(key: string): StepMemory | undefined {
    return this.#steps.get(key);
  }

  /** Keys of the latest steps with the same text, latest first. */
  sameText(kind: string, text: string): readonly string[] {
    return this.#byText.get(textKey(kind, text)) ?? [];
  }

  /** What lay below a step; as much as is still known, base first. */
  lineage({ lineage }: StepMemory): Lineage {
    const entries: Lineage[number][] = [];
    for (let id: string | undefined = lineage; id !== undefined && entries.length < MAX_DEPTH;) {
      const node: LineageNode | undefined = this.#lineages.get(id);
      if (node) entries.push(node.entry);
      id = node?.above;
    }
    return entries.reverse();
  }

  /** Keeps steps that ran, in one go. */
  remember(steps: readonly RanStep[]): void {
    if (steps.length === 0) return;
    this.#metadata.transaction(() => steps.forEach((step) => this.#put(step)), { durable: false });
    if (Math.random() < steps.length / TRIM_EVERY) this.trim();
  }

  #put({ key, memory, below }: RanStep): void {
    const lineage = this.#keepLineage(below);
    this.#steps.put(key, { ...memory, lineage, at: new Date().toISOString() });
    const index = textKey(memory.kind, memory.text);
    const others = (this.#byText.get(index) ?? []).filter((other) => other !== key);
    this.#byText.put(index, [key, ...others].slice(0, MAX_SAME_TEXT));
  }

  /** Forgets the oldest steps beyond the bound, and what only they needed. */
  trim(max: number = MAX_STEPS): void {
    const all = this.#steps.list().sort((a, b) => (a.value.at < b.value.at ? 1 : -1));
    if (all.length <= max) return;
    const kept = new Set(all.slice(0, max).map(({ key }) => key));
    const lineages = this.#reachable(all.slice(0, max).map(({ value }) => value.lineage));
    this.#metadata.transaction(
      () => {
        for (const { key } of all.slice(max)) this.#steps.delete(key);
        for (const { key, value } of this.#byText.list())
          if (!value.some((one) => kept.has(one))) this.#byText.delete(key);
        for (const { key } of this.#lineages.list()) if (!lineages.has(key)) this.#lineages.delete(key);
      },
      { durable: false },
    );
  }

  /** A chain of nodes, each named by all that is below it, so that builds share them. */
  #keepLineage(below: Lineage): string {
    let above: string | undefined;
    for (const one of below) {
      const entry = one.kind === 'base' ? one : withoutNumber(one);
      const id = hash('sha256', JSON.stringify([above, entry]));
      if (this.#lineages.get(id) === undefined)
        this.#lineages.put(id, { ...(above === undefined ? {} : { above }), entry });
      above = id;
    }
    return above ?? '';
  }

  #reachable(ids: readonly string[]): Set<string> {
    const found = new Set<string>();
    for (const start of ids)
      for (let id: string | undefined = start; id !== undefined && !found.has(id); id = this.#lineages.get(id)?.above)
        found.add(id);
    return found;
  }
}

function withoutNumber({
  step: _number,
  place: _place,
  ...entry
}: Extract<Lineage[number], { kind: 'step' }>): Lineage[number] {
  return entry;
}

/** COPY and ADD may become one another. */
function textKey(kind: string, text: string): string {
  return hash('sha256', JSON.stringify([kind, text]));
}
