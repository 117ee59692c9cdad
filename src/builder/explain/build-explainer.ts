import { posix } from 'node:path';
import type { Log } from '../../base/index.ts';
import type { Dockerfile, Instruction, Stage } from '../../dockerfile/index.ts';
import type { FileList } from '../copy/digest-units.ts';
import { formatPlatform, type Platform } from '../../oci/index.ts';
import type { Progress } from '../progress.ts';
import type { FileSource } from '../session.ts';
import type { FilesRead } from './files-read.ts';
import type { FileTree } from '../tree/file-tree.ts';
import type { BuildRequest } from '../types.ts';
import { addressWithoutUserinfo, withoutUserinfo } from '../without-userinfo.ts';
import type { BuildCache } from '../cache/build-cache.ts';
import type { ImportedCache } from '../remote-cache/imported-cache.ts';
import type { BuildMemory, RanStep, StepMemory } from './build-memory.ts';
import type { BuildRuns, RunStep } from './build-runs.ts';
import type { PlannedStep } from './align.ts';
import { quoted, type Difference } from './difference.ts';
import { Secrecy } from './secrecy.ts';
import { StageExplainer } from './stage-explainer.ts';

/** What the explanations of a platform's steps need of its build. */
export interface ExplainedSession {
  readonly o: { readonly platform: Platform; readonly epoch: number | undefined };
  readonly filesRead: FilesRead;
  open(source: FileSource): Promise<FileTree>;
}

export interface ExplainerDependencies {
  readonly request: BuildRequest;
  readonly dockerfile: Dockerfile;
  readonly memory: BuildMemory;
  readonly runs: BuildRuns;
  readonly cache: BuildCache;
  /** What `--cache-from` knows. */
  readonly imported: Pick<ImportedCache, 'sameText' | 'described'>;
  readonly log: Log;
}

/** Explains, for one build, why steps were not cached, and notes how they went. */
export class BuildExplainer {
  readonly memory: BuildMemory;
  readonly secrecy: Secrecy;
  readonly request: BuildRequest;
  /** Why steps of this build ran, by their numbers. */
  readonly told = new Map<number, Difference>();
  readonly log: Log;
  /** Under which the build is noted. */
  readonly name: string;
  /** Of the Dockerfile. */
  readonly stageNames: readonly string[];
  readonly #runs: BuildRuns;
  readonly #cache: BuildCache;
  readonly #imported: ExplainerDependencies['imported'];
  readonly #steps: RunStep[] = [];
  readonly #ran: RanStep[] = [];
  #earlier: ReturnType<BuildRuns['of']> | undefined;
  readonly #writes: Promise<void>[] = [];

  constructor({ request, dockerfile, memory, runs, cache, imported, log }: ExplainerDependencies) {
    this.log = log;
    this.memory = memory;
    this.#runs = runs;
    this.#cache = cache;
    this.#imported = imported;
    this.request = request;
    this.stageNames = dockerfile.stages.flatMap(({ name }) => name ?? []);
    this.secrecy = new Secrecy(() => memory.salt, request.secrets);
    this.name = nameOf(request);
  }

  /** @param steps all that make layers, in order */
  stage(session: ExplainedSession, stage: Stage, steps: readonly Instruction[]): StageExplainer {
    const planned: PlannedStep[] = steps.map(({ kind, original }) => ({ kind, text: withoutUserinfo(original) }));
    return new StageExplainer(this, session, { stage, platform: formatPlatform(session.o.platform), planned });
  }

  /** What is known of an earlier step; of one that another machine made, only its inputs. */
  step(key: string): StepMemory | undefined {
    const known = this.memory.step(key);
    if (known) return known;
    const record = this.#cache.find(key);
    const inputs = record ? this.#cache.inputsOf(key)?.inputs : this.#imported.described(key)?.inputs;
    const described = record ?? this.#imported.described(key);
    if (!described) return undefined;
    const { kind, text, createdAt } = described;
    return { kind, text, inputs: inputs ?? {}, notes: {}, lineage: '', at: createdAt };
  }

  /** Keys of steps with the same text, the likeliest first: this machine's latest ones, then those of caches from elsewhere. */
  sameText(kind: string, text: string): readonly string[] {
    return [...this.memory.sameText(kind, text), ...this.#imported.sameText(kind, text)];
  }

  /** Earlier builds of the same name, latest first; read when first asked. */
  get earlier(): ReturnType<BuildRuns['of']> {
    this.#earlier ??= this.#runs.of(this.name);
    return this.#earlier;
  }

  note(step: RunStep): void {
    this.#steps.push(step);
  }

  /** Kept by `end`. */
  remember(step: RanStep): void {
    this.#ran.push(step);
  }

  /** Keeps the files a step read; finished by `end`. */
  keepList(key: string, list: FileList): void {
    this.#writes.push(this.memory.lists.put(key, list).catch(() => undefined));
  }

  /** Notes the build, however it ended. What cannot be written is missing from later explanations, and no reason to fail. */
  async end(result?: BuildEnd): Promise<void> {
    await Promise.all(this.#writes);
    try {
      this.memory.remember(this.#ran.splice(0));
      this.#noteRun(result);
    } catch (error) {
      this.log.warn('a build was not noted for cache why', { error: String(error) });
    }
  }

  #noteRun(result: BuildEnd | undefined): void {
    if (this.#steps.length === 0) return;
    this.#runs.add({
      name: this.name,
      at: new Date().toISOString(),
      tags: result?.tags ?? this.request.tags,
      ...(result?.imageId === undefined ? {} : { imageId: result.imageId }),
      steps: this.#steps.toSorted((a, b) => a.step - b.step),
    });
  }
}

interface BuildEnd {
  readonly imageId?: string;
  readonly tags: readonly string[];
}

/** The name asked for, the first tag, or the context and its Dockerfile. */
function nameOf({ name, tags, context, dockerfile }: BuildRequest): string {
  const given = name ?? tags[0];
  if (given !== undefined && given !== '') return given;
  if (context.kind === 'directory') return posix.join(context.path, dockerfile);
  return 'address' in context ? addressWithoutUserinfo(context.address) : dockerfile;
}

/** Docker says nothing of a filter that names no stage; a typing mistake would go unseen. */
export function warnOfFilter({ noCacheFilter = [] }: BuildRequest, { stages }: Dockerfile, progress: Progress): void {
  const unknown = noCacheFilter.filter((wanted) => !stages.some(({ name }) => name === wanted.toLowerCase()));
  if (unknown.length > 0) progress.warn(`--no-cache-filter: no stage is called ${unknown.map(quoted).join(', ')}`);
}
