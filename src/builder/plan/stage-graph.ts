import { expandInstruction, type Dockerfile, type Stage } from '../../dockerfile/index.ts';
import { LadingError } from '../../errors/index.ts';

/** Where a FROM, COPY --from or --mount from= leads. */
export type Source =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly stage: Stage }
  | { readonly kind: 'image'; readonly reference: string; readonly platform?: string };

/** The stages of a Dockerfile and how they use one another. */
export class StageGraph {
  readonly #dockerfile: Dockerfile;
  readonly #globalArgs: ReadonlyMap<string, string>;

  constructor(dockerfile: Dockerfile, globalArgs: ReadonlyMap<string, string>) {
    this.#dockerfile = dockerfile;
    this.#globalArgs = globalArgs;
  }

  /** The stage to export: the last one, or the one named or numbered. @throws invalid_argument */
  target(name: string | undefined): Stage {
    const { stages } = this.#dockerfile;
    const found = name === undefined || name === '' ? stages.at(-1) : this.#find(name, stages.length);
    if (found) return found;
    throw new LadingError('invalid_argument', `target stage "${name}" could not be found`, {
      hint: `stages: ${stages.map((stage) => stage.name ?? String(stage.index)).join(', ')}`,
    });
  }

  /** What a stage begins with. */
  baseOf(stage: Stage): Source {
    const options = { escape: this.#dockerfile.escape, file: this.#dockerfile };
    const { image, platform } = expandInstruction(stage.from, this.#globalArgs, options).instruction;
    if (image === 'scratch') return { kind: 'scratch' };
    const earlier = this.#named(image, stage.index);
    if (earlier) return { kind: 'stage', stage: earlier };
    return { kind: 'image', reference: image, ...(platform === undefined ? {} : { platform }) };
  }

  /** What `--from` means inside a stage. A number is a stage's index. @throws invalid_argument */
  sourceOf(from: string, stage: Stage): Source {
    if (from === 'scratch') return { kind: 'scratch' };
    const earlier = this.#find(from, stage.index);
    if (earlier) return { kind: 'stage', stage: earlier };
    if (/^\d+$/.test(from))
      throw new LadingError('invalid_argument', `invalid from flag value ${from}: invalid stage index ${from}`);
    return { kind: 'image', reference: from };
  }

  /** The target and all it needs, in the file's order. */
  needed(target: Stage): Stage[] {
    const needed = new Set<Stage>();
    const visit = (stage: Stage): void => {
      if (needed.has(stage)) return;
      needed.add(stage);
      const base = this.baseOf(stage);
      if (base.kind === 'stage') visit(base.stage);
      for (const from of fromsOf(stage)) {
        const source = this.sourceOf(from, stage);
        if (source.kind === 'stage') visit(source.stage);
      }
    };
    visit(target);
    return [...needed].sort((a, b) => a.index - b.index);
  }

  #find(name: string, before: number): Stage | undefined {
    return (
      this.#named(name, before) ??
      (/^\d+$/.test(name) && Number(name) < before ? this.#dockerfile.stages[Number(name)] : undefined)
    );
  }

  /** The latest earlier stage of a name. */
  #named(name: string, before: number): Stage | undefined {
    const wanted = name.toLowerCase();
    return this.#dockerfile.stages.slice(0, before).findLast((stage) => stage.name === wanted);
  }
}

function fromsOf(stage: Stage): string[] {
  return stage.instructions.flatMap((instruction) => {
    if (instruction.kind === 'copy') return instruction.from ?? [];
    if (instruction.kind === 'run') return instruction.mounts.flatMap((mount) => mount.from ?? []);
    return [];
  });
}
