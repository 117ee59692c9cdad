import type { Stage } from '../../dockerfile/index.ts';
import type { StepInputs } from '../cache/cache-record.ts';
import { envMap } from '../config/apply-config.ts';
import type { StepProgress } from '../progress.ts';
import type { LayerOperation, Miss } from '../solver.ts';
import { alignSteps, type PlannedStep } from './align.ts';
import type { BuildExplainer, ExplainedSession } from './build-explainer.ts';
import type { StepMemory } from './build-memory.ts';
import type { RunStep } from './build-runs.ts';
import { changed, quoted, type Difference } from './difference.ts';
import { ExplainedStep } from './explained-step.ts';
import { fileDifference, type Choice } from './file-difference.ts';
import { listedFiles } from './file-lists.ts';
import { listKey } from './files-read.ts';
import { countDifferences, inputDifference, same, texts, whereText, type NameFile } from './input-difference.ts';
import { parentDifference, type Lineage } from './lineage.ts';
import { isMasked } from './secrecy.ts';

interface Plan {
  readonly stage: Stage;
  readonly platform: string;
  readonly planned: readonly PlannedStep[];
}

const MAX_IGNORE = 8192;
const FROM_BELOW = ['parent', 'base', 'platform'];

/** Explains the steps of one stage, in order. */
export class StageExplainer {
  readonly #build: BuildExplainer;
  readonly #session: ExplainedSession;
  readonly #plan: Plan;
  #index = 0;
  /** Per step the keys of its counterparts in earlier builds, latest first; found with the first miss. */
  #counterparts: readonly RunStep[][] | undefined;
  /** An earlier build of the same name had this stage. */
  #wasBuilt = false;

  constructor(build: BuildExplainer, session: ExplainedSession, plan: Plan) {
    this.#build = build;
    this.#session = session;
    this.#plan = plan;
  }

  get stageName(): string {
    const { name, index } = this.#plan.stage;
    return name ?? `stage-${index}`;
  }

  get platform(): string {
    return this.#plan.platform;
  }

  /** The next step that makes a layer. */
  step(operation: LayerOperation, below: Lineage, progress: StepProgress | undefined): ExplainedStep {
    return new ExplainedStep(this.#build, this, { operation, below, progress, index: this.#index++ });
  }

  /** Why a key was not found. */
  async explain(index: number, { key, reason, operation }: Miss, now: StepMemory, below: Lineage): Promise<Difference> {
    if (reason === 'no-cache') return this.#noCache();
    if (reason === 'layer-gone') return { cause: 'layer-gone', message: 'its layer is gone from the store' };
    const counterparts = this.#counterpartsOf(index);
    if (counterparts.some((step) => step.key === key && step.status === 'failed'))
      return { cause: 'failed', message: 'its last run failed' };
    const known = this.#build.memory.step(key);
    if (known && !same(known.notes['epoch'], now.notes['epoch']))
      return changed('arg', 'SOURCE_DATE_EPOCH', epochOf(known), epochOf(now), 'SOURCE_DATE_EPOCH');
    if (known?.notes['unsettled'] === true)
      return { cause: 'unsettled', message: 'its files changed while they were read the last time' };
    if (known) return { cause: 'pruned', message: 'its cache record was pruned' };
    const nearest = this.#nearest(counterparts, now);
    if (nearest) return this.#compare(nearest, now, below, operation);
    if (counterparts.some((step) => step.key === key))
      return { cause: 'pruned', message: 'its cache record was pruned' };
    return this.#wasBuilt && counterparts.length === 0
      ? { cause: 'new', message: 'it is new in the Dockerfile' }
      : { cause: 'new', message: 'it was never built before' };
  }

  #noCache(): Difference {
    if (this.#build.request.noCache)
      return { cause: 'no-cache', message: '--no-cache was given', subject: '--no-cache' };
    const name = this.stageName;
    const message = `--no-cache-filter names the stage ${quoted(name)}`;
    return { cause: 'no-cache', message, subject: '--no-cache-filter', after: name };
  }

  /** The same step in earlier builds of the same name, for the same platform first. */
  #counterpartsOf(index: number): readonly RunStep[] {
    this.#counterparts ??= this.#align();
    return this.#counterparts[index] ?? [];
  }

  #align(): RunStep[][] {
    const { planned, platform } = this.#plan;
    const found: RunStep[][] = planned.map(() => []);
    const isOwn = (step: RunStep): boolean => step.platform === platform;
    for (const wanted of [isOwn, (step: RunStep): boolean => !isOwn(step)])
      for (const run of this.#build.earlier) {
        const steps = this.#sameStage(run.steps.filter(wanted));
        const aligned = alignSteps(
          steps.map(({ kind, name }) => ({ kind, text: name })),
          planned,
        );
        const isLatest = !this.#wasBuilt;
        for (const [i, at] of aligned.entries()) {
          const step = at === undefined ? undefined : steps[at];
          // What was not there the last time is another step, unless it comes back as it was.
          if (step && (isLatest || found[i]!.length > 0 || step.name === planned[i]!.text)) found[i]!.push(step);
        }
        this.#wasBuilt ||= steps.length > 0;
      }
    return found;
  }

  /** The steps of the stage of the same name; of a stage without, or with a new name, those of the stage with most equal steps. */
  #sameStage(steps: readonly RunStep[]): RunStep[] {
    const { stage, planned } = this.#plan;
    const stages = Map.groupBy(steps, (step) => step.stage);
    const named = stage.name === undefined ? undefined : stages.get(stage.name);
    if (named) return named;
    const texts = new Set(planned.map(({ text }) => text));
    const ranked = [...stages]
      .filter(([name]) => !this.#build.stageNames.includes(name))
      .map(([name, all]) => ({
        all,
        equal: all.filter((step) => texts.has(step.name)).length,
        own: name === this.stageName,
      }))
      .sort((a, b) => b.equal - a.equal || Number(b.own) - Number(a.own));
    const [best] = ranked;
    return best && (best.equal > 0 || best.own) ? best.all : [];
  }

  /** The earlier record that differs least; the latest of several. A stage that was built before has no other counterparts. */
  #nearest(counterparts: readonly RunStep[], now: StepMemory): StepMemory | undefined {
    const build = this.#build;
    const keys = this.#wasBuilt ? counterparts.map(({ key }) => key) : build.sameText(now.kind, now.text);
    const candidates = [...new Set(keys)].flatMap((key) => build.step(key) ?? []);
    const counts = candidates.map((candidate) => countDifferences(candidate, now));
    return candidates[counts.indexOf(Math.min(...counts))];
  }

  async #compare(before: StepMemory, now: StepMemory, below: Lineage, operation: LayerOperation): Promise<Difference> {
    const links = [before.notes['link'] === true, now.notes['link'] === true] as const;
    if (links[0] !== links[1] && !isForeign(before))
      return { cause: 'flag', subject: '--link', message: `--link was ${links[1] ? 'added' : 'removed'}` };
    const isAlone = operation.parent === undefined && links[1];
    if (!isAlone && !same(before.inputs['parent'], now.inputs['parent']))
      return this.#parentDifference(before, now, below);
    return (
      (await inputDifference(isForeign(before) ? comparable(before, now) : before, now, this.#nameFile)) ?? {
        cause: 'unknown',
        message: 'something it depends on changed',
      }
    );
  }

  /** The step above that changed may have had to run only because of what is below it: then that is the cause. */
  #parentDifference(before: StepMemory, now: StepMemory, below: Lineage): Difference {
    const earlier = { below: this.#build.memory.lineage(before), text: before.text };
    const found = parentDifference(earlier, { below, text: now.text });
    const root = found.parent === undefined ? undefined : this.#build.told.get(found.parent);
    return root && FROM_BELOW.includes(root.cause) ? root : found;
  }

  readonly #nameFile: NameFile = async (from, to, choice, choiceNow) => {
    const read = this.#session.filesRead.find(to, choiceNow);
    const { lists } = this.#build.memory;
    const before = await lists.get(listKey(from, choice));
    const files = read?.list ? listedFiles(read.list) : await lists.get(listKey(to, choiceNow));
    if (!read || !before || !files) return undefined;
    const tree = await this.#session.open(read.source);
    const chosen: Choice = {
      ...read.selection,
      ...(read.source.kind === 'context' ? { ignore: tree.ignore?.patterns ?? [] } : {}),
      where: whereText(choiceNow),
    };
    const chosenBefore: Choice = {
      sources: texts(choice['sources']),
      exclude: texts(choice['exclude']),
      parents: choice['parents'] === true,
      ignore: Array.isArray(choice['ignore']) ? texts(choice['ignore']) : undefined,
      where: whereText(choice),
    };
    return fileDifference({ files: before, choice: chosenBefore }, { files, choice: chosen, tree });
  };

  /** What of an operation is kept and compared; secrets masked. */
  async memoryOf(operation: LayerOperation): Promise<Omit<StepMemory, 'lineage' | 'at'>> {
    const { secrecy } = this.#build;
    const { kind, text, parent, inputs, notes = {}, link } = operation;
    const ignore = await this.#ignoreRules(operation);
    return {
      kind,
      text: secrecy.text(text),
      inputs: { parent: parent ?? null, ...secrecy.inputs(inputs) },
      notes: {
        ...(secrecy.json(notes) as StepInputs),
        ...(ignore ? { ignore } : {}),
        ...(this.#session.o.epoch === undefined ? {} : { epoch: this.#session.o.epoch }),
        ...(link || notes['link'] ? { link: true } : {}),
      },
    };
  }

  async #ignoreRules({ inputs, notes = {} }: LayerOperation): Promise<readonly string[] | undefined> {
    const read = this.#session.filesRead.find(String(inputs['files']), notes);
    if (read?.source.kind !== 'context') return undefined;
    const patterns = (await this.#session.open(read.source)).ignore?.patterns ?? [];
    return JSON.stringify(patterns).length <= MAX_IGNORE ? patterns : undefined;
  }

  /** Keeps the lists of the files an operation read. */
  keepLists({ inputs }: LayerOperation): void {
    const digests = JSON.stringify([inputs['files'], inputs['mounts']]).match(/\b[0-9a-f]{64}\b/g) ?? [];
    for (const [key, { list }] of this.#session.filesRead.of(digests)) if (list) this.#build.keepList(key, list);
  }
}

/** It came with a cache from another machine, which masks with a salt of its own and tells nothing but the inputs. */
function isForeign({ lineage }: StepMemory): boolean {
  return lineage === '';
}

/** What cannot be compared is taken as equal. */
function comparable(before: StepMemory, { inputs }: StepMemory): StepMemory {
  const own = envMap(texts(inputs['env']));
  const env = [...envMap(texts(before.inputs['env']))].map(
    ([name, value]) => `${name}=${isMasked(value) && isMasked(own.get(name) ?? '') ? own.get(name) : value}`,
  );
  return { ...before, inputs: { ...before.inputs, ...(before.inputs['env'] ? { env } : {}) } };
}

function epochOf({ notes }: StepMemory): string {
  return notes['epoch'] === undefined ? 'none' : String(notes['epoch']);
}
