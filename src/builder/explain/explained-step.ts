import type { StepProgress } from '../progress.ts';
import type { LayerOperation, Miss, Solved } from '../solver.ts';
import type { BuildExplainer } from './build-explainer.ts';
import type { StepMemory } from './build-memory.ts';
import type { RunStep } from './build-runs.ts';
import type { Difference } from './difference.ts';
import type { Lineage } from './lineage.ts';
import type { StageExplainer } from './stage-explainer.ts';

interface Explaining {
  readonly operation: LayerOperation;
  readonly below: Lineage;
  readonly progress: StepProgress | undefined;
  readonly index: number;
}

/** One step while it is solved. */
export class ExplainedStep {
  readonly #build: BuildExplainer;
  readonly #stage: StageExplainer;
  readonly #step: Explaining;
  readonly #missed: {
    readonly key: string;
    readonly operation: LayerOperation;
    readonly memory: Omit<StepMemory, 'lineage' | 'at'>;
  }[] = [];
  #why: Difference | undefined;

  constructor(build: BuildExplainer, stage: StageExplainer, step: Explaining) {
    this.#build = build;
    this.#stage = stage;
    this.#step = step;
  }

  /** Says why, before the step runs. */
  async missed(miss: Miss): Promise<void> {
    const { index, below, progress } = this.#step;
    const memory = await this.#stage.memoryOf(miss.operation);
    this.#missed.push({ key: miss.key, operation: miss.operation, memory });
    if (this.#why) return;
    const now: StepMemory = { ...memory, lineage: '', at: '' };
    this.#why = await this.#stage.explain(index, miss, now, below).catch((error: unknown) => {
      this.#build.log.warn('a step was not explained', { error: String(error) });
      return { cause: 'unknown', message: 'it could not be compared with earlier records' };
    });
    if (!progress) return;
    this.#build.told.set(progress.number, this.#why);
    if (this.#build.request.explain) progress.explain(miss.key, this.#why);
  }

  /** Keeps what is worth comparing with later. */
  solved(solved: Solved): void {
    for (const { key, operation, memory } of this.#missed) {
      const notes = operation.isUnsettled?.() ? { ...memory.notes, unsettled: true } : memory.notes;
      this.#build.remember({ key, memory: { ...memory, notes }, below: this.#step.below });
      this.#stage.keepLists(operation);
    }
    this.#note(solved.plainKey, solved.cached ? 'cached' : 'ran');
  }

  failed(): void {
    const last = this.#missed.at(-1);
    if (last) this.#note(last.key, 'failed');
  }

  #note(key: string, status: RunStep['status']): void {
    const { operation, progress } = this.#step;
    this.#build.note({
      step: progress?.number ?? 0,
      place: progress?.place ?? '',
      stage: this.#stage.stageName,
      platform: this.#stage.platform,
      kind: operation.kind,
      name: this.#build.secrecy.text(operation.text),
      status,
      key,
      ...(status === 'cached' ? {} : this.#why),
    });
  }
}
