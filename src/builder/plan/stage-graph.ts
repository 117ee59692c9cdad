import {
  expandInstruction,
  nearest,
  type Dockerfile,
  type Instruction,
  type SourceLocation,
  type Stage,
} from '../../dockerfile/index.ts';
import { LadingError } from '../../errors/index.ts';
import { parsePlatform } from '../../oci/index.ts';
import { locateFailure } from '../build-error.ts';
import type { FilesContext, LayoutContext, NamedContexts } from '../context/named-contexts.ts';

/** Where a FROM, COPY --from or --mount from= leads. */
export type Source =
  | { readonly kind: 'scratch'; readonly platform?: string }
  | { readonly kind: 'stage'; readonly stage: Stage }
  | { readonly kind: 'image'; readonly reference: string; readonly platform?: string }
  | { readonly kind: 'layout'; readonly layout: LayoutContext; readonly platform?: string }
  | { readonly kind: 'files'; readonly name: string; readonly files: FilesContext };

type Contexts = Pick<NamedContexts, 'find'>;

/** The stages of a Dockerfile and how they use one another. */
export class StageGraph {
  readonly #dockerfile: Dockerfile;
  readonly #globalArgs: ReadonlyMap<string, string>;
  readonly #contexts: Contexts;
  readonly #stages: readonly Stage[];

  constructor(
    dockerfile: Dockerfile,
    globalArgs: ReadonlyMap<string, string>,
    contexts: Contexts = { find: () => undefined },
  ) {
    this.#dockerfile = dockerfile;
    this.#globalArgs = globalArgs;
    this.#contexts = contexts;
    this.#stages = dockerfile.stages.map((stage) => (this.isReplaced(stage) ? { ...stage, instructions: [] } : stage));
  }

  /** Whether a named context takes the place of a stage: then nothing in it is done. */
  isReplaced({ name }: Stage): boolean {
    return name !== undefined && this.#contexts.find(name) !== undefined;
  }

  /** The stage to export: the last one, or the one named or numbered. @throws invalid_argument */
  target(name: string | undefined): Stage {
    const stages = this.#stages;
    const found = name === undefined || name === '' ? stages.at(-1) : (this.#named(name) ?? this.#numbered(name));
    if (found) return found;
    const names = stages.flatMap((stage) => stage.name ?? []);
    const near = nearest(name?.toLowerCase() ?? '', names);
    throw new LadingError(
      'invalid_argument',
      `target stage "${name}" could not be found${near === undefined ? '' : ` (did you mean ${near}?)`}`,
      { hint: `stages: ${stages.map((stage) => stage.name ?? String(stage.index)).join(', ')}` },
    );
  }

  /** What a stage begins with: names of earlier stages count, exactly as they are, which is lower case. */
  baseOf(stage: Stage): Source {
    const options = { escape: this.#dockerfile.escape, file: this.#dockerfile };
    const { image, platform } = expandInstruction(stage.from, this.#globalArgs, options).instruction;
    const replaced = stage.name === undefined ? undefined : this.#context(stage.name, platform);
    if (replaced) return replaced;
    if (image === 'scratch') return { kind: 'scratch', ...(platform === undefined ? {} : { platform }) };
    const earlier = this.#stages.slice(0, stage.index).findLast(({ name }) => name === image);
    if (earlier) return { kind: 'stage', stage: earlier };
    const named = this.#context(image, platform);
    if (named) return named;
    this.#requireNoStage(image, stage);
    return { kind: 'image', reference: image, ...(platform === undefined ? {} : { platform }) };
  }

  /**
   * What `--from` means inside a stage, in any casing. A number is a stage's index.
   * @throws invalid_argument for a stage that is not complete where it is used
   */
  sourceOf(from: string, stage: Stage): Source {
    const found = this.#named(from) ?? this.#numbered(from);
    if (found?.index === stage.index)
      throw new LadingError('invalid_argument', `circular dependency detected on stage: ${labelOf(stage)}`, {
        hint: 'a stage cannot copy from itself: its files are there already',
      });
    if (found && found.index > stage.index)
      throw new LadingError(
        'invalid_argument',
        `cannot copy from stage "${from}", it needs to be defined before current stage "${labelOf(stage)}"`,
        { hint: `move the stage at line ${found.from.location.startLine} up` },
      );
    if (found) return { kind: 'stage', stage: found };
    if (from === 'scratch') return { kind: 'scratch' };
    if (/^\d+$/.test(from))
      throw new LadingError('invalid_argument', `invalid from flag value ${from}: invalid stage index ${from}`);
    return this.#context(from, undefined) ?? { kind: 'image', reference: from };
  }

  /** Docker takes `FROM Base` for an image, whose name must be in lower case: the stage "base" was meant. */
  #requireNoStage(image: string, stage: Stage): void {
    const lower = image.toLowerCase();
    if (image === lower || !this.#stages.slice(0, stage.index).some(({ name }) => name === lower)) return;
    throw new LadingError(
      'invalid_argument',
      `failed to parse stage name "${image}": invalid reference format: repository name must be lowercase`,
      { hint: `names of stages are in lower case: write FROM ${lower}` },
    );
  }

  /** The target and all it needs, in the file's order. What the other stages begin with must make sense, too, as in Docker. */
  needed(target: Stage): Stage[] {
    for (const stage of this.#stages) this.#located(stage.from.location, () => this.baseOf(stage));
    const needed = new Set<Stage>();
    const onTheWay = new Set<Stage>();
    const visit = (stage: Stage): void => {
      if (onTheWay.has(stage))
        throw new LadingError('invalid_argument', `circular dependency detected on stage: ${labelOf(stage)}`, {
          hint: 'a target: context leads back to a stage that uses it',
        });
      if (needed.has(stage)) return;
      needed.add(stage);
      onTheWay.add(stage);
      for (const source of this.sourcesOf(stage)) visit(source);
      onTheWay.delete(stage);
    };
    visit(target);
    return [...needed].sort((a, b) => a.index - b.index);
  }

  /** Stages a stage needs directly: the one it begins with, then those it copies or mounts from. @throws invalid_argument, with the line */
  sourcesOf(stage: Stage): Stage[] {
    const sources = [
      this.#located(stage.from.location, () => this.baseOf(stage)),
      ...stage.instructions.flatMap((instruction) =>
        fromsOf(instruction).map((from) => this.#located(instruction.location, () => this.sourceOf(from, stage))),
      ),
    ];
    return sources.flatMap((source) => (source.kind === 'stage' ? source.stage : []));
  }

  /** The last stage of a name. */
  #named(name: string): Stage | undefined {
    const wanted = name.toLowerCase();
    return this.#stages.findLast((stage) => stage.name === wanted);
  }

  #numbered(text: string): Stage | undefined {
    return /^\d{1,5}$/.test(text) ? this.#stages[Number(text)] : undefined;
  }

  /** What a named context of that name means. */
  #context(name: string, platform: string | undefined): Source | undefined {
    const target = platform ?? this.#globalArgs.get('TARGETPLATFORM');
    const context = this.#contexts.find(name, target === undefined ? undefined : parsePlatform(target));
    const forPlatform = platform === undefined ? {} : { platform };
    if (!context) return undefined;
    switch (context.kind) {
      case 'image':
        return context.reference === 'scratch'
          ? { kind: 'scratch' }
          : { kind: 'image', reference: context.reference, ...forPlatform };
      case 'stage':
        return { kind: 'stage', stage: this.target(context.name) };
      case 'layout':
        return { kind: 'layout', layout: context, ...forPlatform };
      default:
        return { kind: 'files', name, files: context };
    }
  }

  #located<T>(location: SourceLocation, action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw locateFailure(error, this.#dockerfile, location);
    }
  }
}

function labelOf(stage: Stage): string {
  return stage.name ?? `stage-${stage.index}`;
}

/** What `--from` and `from=` of an instruction name. */
export function fromsOf(instruction: Instruction): string[] {
  if (instruction.kind === 'copy') return instruction.from === undefined ? [] : [instruction.from];
  if (instruction.kind !== 'run') return [];
  return instruction.mounts.flatMap(({ from }) => from ?? []);
}
