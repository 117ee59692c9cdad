import {
  expandInstruction,
  parseInstruction,
  type Instruction,
  type SourceFile,
  type Stage,
} from '../dockerfile/index.ts';
import type { HistoryEntry, RunConfig } from '../oci/index.ts';
import { locateFailure } from './build-error.ts';
import type { StepInputs } from './cache/cache-record.ts';
import { applyConfigInstruction, envMap, joinWorkdir, setEnv } from './config/apply-config.ts';
import { HISTORY_COMMENT, describeCopy, describeMetadata, describeRun } from './config/history.ts';
import type { Downloads } from './copy/downloads.ts';
import type { StageExplainer } from './explain/stage-explainer.ts';
import { fromsOf } from './plan/stage-graph.ts';
import { isNumbered, type StepDetails, type StepProgress } from './progress.ts';
import type { BuildSession } from './session.ts';
import type { LayerOperation, Miss, Solved } from './solver.ts';
import { beginStage } from './stage-base.ts';
import type { StageResult, StepOrigin } from './stage-result.ts';
import { copyOperation } from './steps/copy-step.ts';
import { runArguments, runOperation } from './steps/run-step.ts';
import { workdirOperation } from './steps/workdir-step.ts';
import { withoutUserinfo } from './without-userinfo.ts';

/** Builds one stage from its base up. Its error names the line that failed. */
export async function buildStage(stage: Stage, session: BuildSession, downloads: Downloads): Promise<StageResult> {
  return new StageBuilder(stage, session, downloads, await beginStage(stage, session)).build();
}

/** How a step ended, and whether it was found in the cache. */
interface StepOutcome extends StepDetails {
  readonly cached: boolean;
}

/** Of what makes no layer. */
const AT_ONCE: StepOutcome = { cached: true };

/** Arguments that are read by the builder and are no variables. */
const NOT_ENV: readonly string[] = ['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE'];

class StageBuilder {
  readonly #stage: Stage;
  readonly #session: BuildSession;
  readonly #downloads: Downloads;
  #state: StageResult;
  #cmdSet = false;
  #explainer: StageExplainer | undefined;
  /** The instruction that is being done. */
  #origin: StepOrigin | undefined;

  constructor(stage: Stage, session: BuildSession, downloads: Downloads, start: StageResult) {
    this.#stage = stage;
    this.#session = session;
    this.#downloads = downloads;
    this.#state = start;
  }

  async build(): Promise<StageResult> {
    const { dockerfile } = this.#session.o;
    const triggers = this.#triggers();
    const all = [...triggers.map(({ instruction }) => instruction), ...this.#stage.instructions];
    this.#explainer = this.#session.o.explainer.stage(this.#session, this.#stage, all.filter(isNumbered));
    for (const { instruction, file } of triggers) await this.#step(instruction, file);
    for (const instruction of this.#stage.instructions) await this.#step(instruction, dockerfile);
    return this.#state;
  }

  /** ONBUILD instructions of the base run first, and are not inherited further. */
  #triggers(): { readonly instruction: Instruction; readonly file: SourceFile }[] {
    const { OnBuild: triggers, ...config } = this.#state.config;
    if (!triggers || triggers.length === 0 || this.#session.o.graph.isReplaced(this.#stage)) return [];
    this.#state = { ...this.#state, config };
    const filename = `ONBUILD trigger of ${this.#stage.from.image}`;
    return triggers.map((source) => ({
      instruction: parseInstruction(source, { filename }),
      file: { filename, source },
    }));
  }

  async #step(instruction: Instruction, file: SourceFile): Promise<void> {
    this.#session.o.signal.throwIfAborted();
    let step: StepProgress | undefined;
    const { location } = file === this.#session.o.dockerfile ? instruction : this.#stage.from;
    const stage = this.#stage.name ?? String(this.#stage.index);
    this.#origin = { stage, line: location.startLine, text: withoutUserinfo(instruction.original) };
    try {
      await this.#stagesFor(instruction);
      if (isNumbered(instruction)) step = this.#session.o.progress.begin(this.#stage, instruction);
      const { cached, ...details } = await this.#apply(this.#expand(instruction, file), step);
      step?.end(cached ? 'cached' : 'done', details);
    } catch (error) {
      step?.end(this.#session.o.signal.aborted ? 'cancelled' : 'failed');
      throw locateFailure(error, file, instruction.location);
    }
  }

  /** Waits for the stages it copies from or mounts: their time is not this step's. */
  async #stagesFor(instruction: Instruction): Promise<void> {
    for (const from of fromsOf(instruction)) {
      const source = this.#session.o.graph.sourceOf(from, this.#stage);
      if (source.kind === 'stage') await this.#session.stage(source.stage);
    }
  }

  #expand(instruction: Instruction, file: SourceFile): Instruction {
    const { dockerfile, args } = this.#session.o;
    const env = new Map([...this.#argValues(), ...envMap(this.#stepEnv())]);
    const expanded = expandInstruction(instruction, env, { escape: dockerfile.escape, file, overrides: args.given });
    return expanded.instruction;
  }

  /** The image's variables as steps see them: of an ARG and an ENV of one name, the later wins. */
  #stepEnv(): string[] {
    const { config, args, shadowing } = this.#state;
    return [...shadowing].reduce((env, key) => setEnv(env, key, args.get(key) ?? ''), [...(config.Env ?? [])]);
  }

  #argValues(): Map<string, string> {
    return new Map(
      [...this.#state.args].flatMap(([key, value]) =>
        value === undefined || NOT_ENV.includes(key) ? [] : [[key, value]],
      ),
    );
  }

  async #apply(instruction: Instruction, step: StepProgress | undefined): Promise<StepOutcome> {
    const { config } = this.#state;
    const session = this.#session;
    const parent = this.#state.layers.at(-1)?.chainId;
    switch (instruction.kind) {
      case 'run': {
        const { platform } = this.#state;
        const seen = { ...config, Env: this.#stepEnv() };
        const { shadowing } = this.#state;
        const shared = { session, stage: this.#stage, platform, parent, step: step! };
        const context = { ...shared, config: seen, args: this.#argValues(), shadowing };
        const operation = await runOperation(context, instruction);
        return this.#layer(operation, describeRun(runArguments(config, instruction), this.#shownArgs()), step);
      }
      case 'copy':
      case 'add': {
        const context = { session, stage: this.#stage, config, parent, downloads: this.#downloads };
        return this.#layer(await copyOperation(context, instruction), describeCopy(instruction), step);
      }
      case 'workdir': {
        const path = joinWorkdir(config, instruction.path);
        const outcome = await this.#layer(
          workdirOperation(session, instruction.original, parent, path, config.User ?? ''),
          `WORKDIR ${path}`,
          step,
        );
        this.#configure(instruction);
        return outcome;
      }
      case 'arg':
        this.#declare(instruction.args);
        return AT_ONCE;
      default:
        this.#note(describeMetadata(config, instruction));
        this.#configure(instruction);
        return AT_ONCE;
    }
  }

  async #layer(operation: LayerOperation, createdBy: string, progress: StepProgress | undefined): Promise<StepOutcome> {
    const solved = await this.#solve(operation, progress);
    this.#session.usedKeys.add(solved.key);
    if (this.#origin) this.#session.origins.set(solved.key, this.#origin);
    if (solved.layer) {
      const entry = { created: solved.createdAt, created_by: createdBy, comment: HISTORY_COMMENT };
      this.#state = { ...this.#state, layers: [...this.#state.layers, solved.layer] };
      this.#remember(entry);
    } else this.#note(createdBy);
    const { key, cached, layer } = solved;
    return { cached, key, ...(layer ? { sizeBytes: layer.sizeBytes } : {}) };
  }

  /** Solves a step, explains it when it has to run, and notes it in the stage's lineage. */
  async #solve(operation: LayerOperation, progress: StepProgress | undefined): Promise<Solved> {
    const { solver, lease, epoch, imported, signal, explainer } = this.#session.o;
    const { lineage } = this.#state;
    const explained = this.#explainer!.step(operation, lineage, progress);
    const options = {
      onMiss: (miss: Miss) => explained.missed(miss),
      kept: (inputs: StepInputs) => explainer.secrecy.inputs(inputs),
    };
    try {
      const solved = await solver.solve(operation, {
        lease,
        noCache: this.#noCache(),
        epoch,
        imported,
        signal,
        ...options,
      });
      explained.solved(solved);
      const chainId = solved.layer?.chainId ?? operation.parent;
      const entry = { kind: 'step', key: solved.plainKey, text: operation.text, chainId } as const;
      const numbered = progress ? { ...entry, step: progress.number, place: progress.place } : entry;
      this.#state = { ...this.#state, lineage: [...lineage, numbered] };
      return solved;
    } catch (error) {
      explained.failed();
      throw error;
    }
  }

  /** As in BuildKit the filter's names are stages' names, in any case of letters. */
  #noCache(): boolean {
    const { noCache, noCacheFilter = [] } = this.#session.o.request;
    return noCache || noCacheFilter.some((name) => name.toLowerCase() === this.#stage.name);
  }

  #declare(declared: readonly { readonly key: string; readonly default?: string }[]): void {
    const args = new Map(this.#state.args);
    const shadowing = new Set(this.#state.shadowing);
    const env = envMap(this.#state.config.Env);
    const shown = declared.map(({ key, default: own }) => {
      const value = this.#session.o.args.valueOf(key, own);
      args.set(key, value);
      if (value !== undefined && env.has(key)) shadowing.add(key);
      return value === undefined ? key : `${key}=${value}`;
    });
    this.#state = { ...this.#state, args, shadowing };
    this.#note(`ARG ${shown.join(' ')}`);
  }

  /** Arguments as history shows them before a RUN: what the process sees under the name. */
  #shownArgs(): Map<string, string | undefined> {
    const env = envMap(this.#stepEnv());
    return new Map([...this.#state.args].map(([key, value]) => [key, env.get(key) ?? value]));
  }

  #configure(instruction: Instruction): void {
    const config: RunConfig = applyConfigInstruction(this.#state.config, instruction, { cmdSet: this.#cmdSet });
    if (instruction.kind === 'cmd') this.#cmdSet = true;
    const shadowing = new Set(this.#state.shadowing);
    if (instruction.kind === 'env') for (const { key } of instruction.pairs) shadowing.delete(key);
    const author = instruction.kind === 'maintainer' ? instruction.name : this.#state.author;
    this.#state = { ...this.#state, config, author, shadowing };
  }

  #note(createdBy: string | undefined): void {
    if (createdBy !== undefined) this.#remember({ created_by: createdBy, comment: HISTORY_COMMENT, empty_layer: true });
  }

  #remember(entry: HistoryEntry): void {
    const origin = this.#origin ? { origin: this.#origin } : {};
    this.#state = { ...this.#state, history: [...this.#state.history, { entry, inherited: false, ...origin }] };
  }
}
