import { LadingError } from '../errors/index.ts';
import type { Image } from './image.ts';
import { baseNode, chainOf, nodeOfStage, type Node, type Root, type Step } from './node.ts';
import { problem } from './problem.ts';
import { NamedContext, type From, type Names } from './sources.ts';
import { argsIn, literalOf, type Arg } from './values.ts';

/** A stage as it is written: FROM an image or an earlier stage, then steps. */
export interface Stage {
  /** Undefined: nobody needs its name. */
  readonly name: string | undefined;
  readonly root: Root;
  /** The stage it begins with, when it is one of this build. */
  readonly base: Stage | undefined;
  readonly steps: readonly Step[];
}

export interface Graph {
  /** In an order in which each needs only earlier ones; the wanted one last, if that is possible. */
  readonly stages: readonly Stage[];
  /** By the names of the images given. */
  readonly targets: ReadonlyMap<string, Stage>;
  /** What a build without `--target` makes. */
  readonly wanted: Stage;
  /** Arguments that FROM lines use. */
  readonly globals: readonly Arg[];
  /** Contexts by name; undefined: the one who builds has to give it. */
  readonly contexts: ReadonlyMap<string, string | undefined>;
  readonly names: Names;
}

/** Images of a build by name; "" is an image without one. The last, or the one named "default", is the one wanted. */
export type Targets = ReadonlyMap<string, Image>;

export function graphOf(targets: Targets): Graph {
  return new Layout(targets).graph();
}

interface Draft extends Omit<Stage, 'name' | 'base'> {
  readonly node: Node;
  readonly base: Draft | undefined;
  name: string | undefined;
  used: boolean;
}

class Layout {
  readonly #targets: [string, Node][];
  /** Points other things refer to, or that branch: each becomes a stage. */
  readonly #ends = new Set<Node>();
  readonly #leaves = new Set<Node>();
  readonly #drafts = new Map<Node, Draft>();
  readonly #order: Draft[] = [];
  readonly #contexts = new Map<string, NamedContext>();
  readonly #contextNames = new Map<NamedContext, string>();
  /** Names that mean something else: references of images. */
  readonly #taken = new Set<string>();

  constructor(targets: Targets) {
    this.#targets = [...targets].map(([name, image]) => [name, nodeOfStage(image)!]);
    if (this.#targets.length === 0) throw new LadingError('invalid_argument', 'the program describes no image');
    if (this.#targets.some(([, node]) => node.root.trigger))
      throw new LadingError('invalid_argument', 'the steps of an onbuild() are not an image');
  }

  graph(): Graph {
    for (const [, node] of this.#targets) this.#visit(node);
    this.#branch();
    const last = this.#targets.find(([name]) => name === 'default') ?? this.#targets.at(-1)!;
    for (const target of this.#targets) if (target !== last) this.#emit(target[1]);
    const wanted = this.#emit(last[1]);
    this.#nameAll();
    return {
      stages: this.#order,
      targets: new Map(this.#targets.map(([name, node]) => [name, this.#drafts.get(node)!])),
      wanted,
      globals: globalsOf(this.#order),
      contexts: new Map([...this.#contexts].map(([name, { value }]) => [name, value])),
      names: (from) => this.#nameOf(from),
    };
  }

  /** Finds all stages that a stage needs. */
  #visit(leaf: Node): void {
    if (this.#leaves.has(leaf)) return;
    this.#leaves.add(leaf);
    const { root } = leaf;
    if (root.base instanceof NamedContext) this.#context(root.base);
    const base = baseNode(root);
    if (base) this.#visit(base);
    else if (!(root.base instanceof NamedContext))
      this.#taken.add((literalOf(root.base as string) ?? '').toLowerCase());
    for (const node of chainOf(leaf)) {
      if (node.name !== undefined) this.#visit(node);
      for (const from of node.step?.froms ?? []) this.#from(from);
    }
  }

  #from(from: From): void {
    const stage = nodeOfStage(from);
    if (stage) this.#visit(stage);
    else if (from instanceof NamedContext) this.#context(from);
    else this.#taken.add((from as string).toLowerCase());
  }

  /** Where stages part, the common beginning becomes a stage of its own. */
  #branch(): void {
    const children = new Map<Node, Set<Node>>();
    for (const leaf of this.#leaves) {
      this.#ends.add(leaf);
      for (let at = leaf; at.parent; at = at.parent)
        children.set(at.parent, (children.get(at.parent) ?? new Set()).add(at));
    }
    for (const [node, next] of children) if (next.size > 1) this.#ends.add(node);
  }

  #emit(node: Node): Draft {
    const done = this.#drafts.get(node);
    if (done) return done;
    const { below, steps } = this.#split(node);
    const from = below ?? baseNode(node.root);
    const base = from && this.#emit(from);
    if (base) base.used = true;
    for (const step of steps)
      for (const source of step.froms) {
        const stage = nodeOfStage(source);
        if (stage) this.#emit(stage).used = true;
      }
    const draft: Draft = { node, root: node.root, base, steps, name: node.name, used: false };
    this.#drafts.set(node, draft);
    this.#order.push(draft);
    return draft;
  }

  /** The nearest earlier end that can be the base, and the steps since. */
  #split(node: Node): { below: Node | undefined; steps: Step[] } {
    const steps: Step[] = [];
    for (let at: Node | undefined = node; at; at = at.parent) {
      if (at !== node && at.parent && this.#ends.has(at) && canContinue(at, steps)) return { below: at, steps };
      if (at.step) steps.unshift(at.step);
    }
    return { below: undefined, steps };
  }

  #nameAll(): void {
    for (const [name, node] of this.#targets) if (name !== '') this.#drafts.get(node)!.name ??= name;
    this.#checkNames();
    let number = 0;
    const names = new Set([...this.#taken, ...this.#contexts.keys(), ...this.#order.flatMap(({ name }) => name ?? [])]);
    for (const draft of this.#order) {
      if (draft.name !== undefined || !draft.used) continue;
      do draft.name = `stage${number++}`;
      while (names.has(draft.name));
    }
  }

  #checkNames(): void {
    const seen = new Map<string, Draft>();
    for (const draft of this.#order) {
      const { name } = draft;
      if (name === undefined) continue;
      if (seen.has(name)) throw problem(draft.root.place, `two stages are named "${name}"`);
      if (this.#taken.has(name) || this.#contexts.has(name))
        throw problem(
          draft.root.place,
          `the stage "${name}" is named like an image or a context that is used`,
          'give the stage another name',
        );
      seen.set(name, draft);
    }
  }

  #context(context: NamedContext): void {
    const known = context.name === undefined ? undefined : this.#contexts.get(context.name);
    if (this.#contextNames.has(context)) return;
    if (known && known.value !== context.value)
      throw new LadingError(
        'invalid_argument',
        `two contexts are named "${context.name}": ${known.value ?? 'to be given'}, ${context.value ?? 'to be given'}`,
      );
    let name = context.name ?? '';
    for (let i = 0; name === '' || (context.name === undefined && this.#contexts.has(name)); i++) name = `context${i}`;
    this.#contexts.set(name, context);
    this.#contextNames.set(context, name);
  }

  #nameOf(from: From): string {
    if (typeof from === 'string') return from;
    if (from instanceof NamedContext) return this.#contextNames.get(from)!;
    return this.#drafts.get(nodeOfStage(from)!)?.name ?? '';
  }
}

/**
 * Whether FROM this point and going on in it are the same. They are not when triggers would run, nor when an ENTRYPOINT would
 * clear a CMD that belongs to the base then.
 */
function canContinue(node: Node, later: readonly Step[]): boolean {
  const own = chainOf(node).flatMap(({ step }) => step?.kind ?? []);
  if (own.includes('onbuild')) return false;
  return !(own.includes('cmd') && later.some(({ kind }) => kind === 'entrypoint'));
}

function globalsOf(stages: readonly Stage[]): Arg[] {
  const found = new Map<string, Arg>();
  for (const { root, base } of stages) {
    if (base) continue;
    const texts = [root.base instanceof NamedContext ? '' : (root.base as string), root.platform ?? ''];
    for (const arg of texts.flatMap(argsIn)) {
      if (arg.predefined) continue;
      const other = found.get(arg.name);
      if (other && other.default !== arg.default)
        throw problem(
          root.place,
          `the argument "${arg.name}" has two defaults: ${other.default ?? 'none'}, ${arg.default ?? 'none'}`,
        );
      found.set(arg.name, arg);
    }
  }
  return [...found.values()];
}
