import { DockerfileError, expandInstruction, parseInstruction } from '../dockerfile/index.ts';
import { LadingError, messageOf } from '../errors/index.ts';
import { argsOf, type Draft } from './draft.ts';
import { argDraft } from './instructions.ts';
import { callerPlace, type Place } from './place.ts';
import { problem } from './problem.ts';
import { checkReference, NamedContext, type From, type Names } from './sources.ts';
import { literalOf, type Arg, type Text } from './values.ts';
import type { Image } from './image.ts';

/** What a stage begins with. */
export interface Root {
  readonly base: Text | Image | NamedContext;
  readonly platform: Text | undefined;
  readonly place: Place;
  /** Of an ONBUILD: no stage at all. */
  readonly trigger?: true;
}

export interface Step extends Draft {
  readonly place: Place;
  /** The argument an ARG declares. */
  readonly declares?: Arg;
}

/** A point of a stage: a root, and a step or a name upon an earlier point. Never changed: steps upon one point are branches. */
export interface Node {
  readonly root: Root;
  readonly parent: Node | undefined;
  readonly step: Step | undefined;
  readonly name: string | undefined;
}

export function rootNode(root: Root): Node {
  return { root, parent: undefined, step: undefined, name: undefined };
}

/** The node and all below it, the root first. */
export function chainOf(node: Node): Node[] {
  const chain: Node[] = [];
  for (let at: Node | undefined = node; at; at = at.parent) chain.push(at);
  return chain.reverse();
}

/** Adds an instruction, and in front of it the arguments it uses that the stage has not declared. @throws invalid_argument with the caller's line */
export function addStep(node: Node, what: string, make: () => Draft, declares?: Arg): Node {
  const place = callerPlace();
  try {
    const draft = make();
    check(draft);
    const declared = declaredIn(node);
    const missing = argsOf(draft).filter(({ name }) => !declared.has(name));
    const below = missing.reduce<Node>((at, arg) => on(at, { ...argDraft(arg), place, declares: arg }), node);
    return on(below, { ...draft, place, ...(declares ? { declares } : {}) });
  } catch (error) {
    throw placed(error, place, what);
  }
}

/** Gives a definition's error its line. */
export function placed(error: unknown, place: Place, what: string): LadingError {
  const message = error instanceof DockerfileError ? error.reason : messageOf(error);
  const hint = error instanceof LadingError ? error.hint : undefined;
  return problem(place, message.startsWith(`${what}()`) ? message : `${what}(): ${message}`, hint);
}

function on(parent: Node, step: Step): Node {
  return { root: parent.root, parent, step, name: undefined };
}

/** Arguments a step of the stage may use: its own, and those of the stage it begins with. */
function declaredIn(node: Node): Set<string> {
  const names = new Set<string>();
  for (let at: Node | undefined = node; at; at = at.parent ?? baseNode(at.root))
    if (at.step?.declares) names.add(at.step.declares.name);
  return names;
}

let nodeOf: ((image: Image) => Node) | undefined;

/** image.ts says how an Image's node is found and what is one, so that its fields stay private. */
export function setNodeOf(find: (image: Image) => Node): void {
  nodeOf = find;
}

/** The node of a stage; undefined when it is something else. */
export function nodeOfStage(from: From | Text | NamedContext): Node | undefined {
  return typeof from === 'object' && 'toDockerfile' in from ? nodeOf?.(from as Image) : undefined;
}

export function baseNode(root: Root): Node | undefined {
  return nodeOfStage(root.base as From);
}

const DUMMY: Names = (from) => {
  if (typeof from === 'string') return checkReference(from, 'from');
  return from instanceof NamedContext ? (from.name ?? 'context') : 'stage';
};

/** The real parser's opinion, at the line that says it. */
function check(draft: Draft): void {
  const instruction = parseInstruction(draft.render(DUMMY));
  if (instruction.kind !== draft.kind) throw new LadingError('internal', `was read as ${instruction.kind}`);
  if (draft.texts.every((text) => literalOf(text) !== undefined))
    expandInstruction(instruction, new Map(), { escape: '\\' });
}
