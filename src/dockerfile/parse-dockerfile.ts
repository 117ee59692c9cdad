import { DockerfileError, locate, Problem, type SourceFile } from './dockerfile-error.ts';
import { requireBuiltInFrontend } from './frontend.ts';
import { parseNode } from './instructions/parse.ts';
import type { ArgInstruction, FromInstruction, Instruction, InstructionKind } from './instructions/types.ts';
import type { Directives, EscapeCharacter } from './parser/directives.ts';
import { usageHint } from './instructions/usage.ts';
import { parseNodes, type Node } from './parser/parser.ts';
import { decodeSource } from './parser/source-lines.ts';

/** One FROM and what follows it. */
export interface Stage {
  readonly index: number;
  /** Lower case. */
  readonly name?: string;
  readonly from: FromInstruction;
  /** Without the FROM. */
  readonly instructions: Instruction[];
}

export interface Dockerfile {
  readonly source: string;
  readonly filename: string;
  readonly escape: EscapeCharacter;
  readonly directives: Directives;
  /** ARGs before the first FROM, in order. */
  readonly globalArgs: ArgInstruction[];
  /** At least one. */
  readonly stages: Stage[];
  /** Lines that end an instruction with an empty line inside: a check reports them. */
  readonly emptyContinuations: readonly number[];
}

/** Work grows with the square of it in places. */
const MAX_STAGES = 5000;

const BEGIN = { hint: 'a Dockerfile begins with FROM and the image it is built on, or with ARG' };

/**
 * Parses a Dockerfile as BuildKit's frontend does. Nothing is expanded yet: see expandInstruction().
 *
 * @param options.frontend the build argument BUILDKIT_SYNTAX
 * @throws DockerfileError for whatever is wrong with the file, or when it asks for another frontend
 */
export function parseDockerfile(
  source: string | Uint8Array,
  options: { readonly filename?: string; readonly frontend?: string | undefined } = {},
): Dockerfile {
  const filename = options.filename ?? 'Dockerfile';
  const file = { filename, source: decodeSource(source, filename) };
  if (file.source === '') throw new DockerfileError(`the Dockerfile (${filename}) cannot be empty`, file, BEGIN);
  requireBuiltInFrontend(file, options.frontend);
  const { nodes, escape, directives, emptyContinuations } = parseNodes(file);
  if (nodes.length === 0) throw new DockerfileError('file with no instructions', file, BEGIN);
  const { globalArgs, stages } = groupByStage(nodes, escape, file);
  if (stages.length === 0) throw new DockerfileError('dockerfile contains no stages to build', file, BEGIN);
  return { ...file, escape, directives, globalArgs, stages, emptyContinuations };
}

function groupByStage(nodes: readonly Node[], escape: EscapeCharacter, file: SourceFile) {
  const globalArgs: ArgInstruction[] = [];
  const stages: Stage[] = [];
  for (const node of nodes) {
    const instruction = understand(node, escape, file);
    const stage = stages.at(-1);
    if (instruction.kind === 'from') {
      if (stages.length >= MAX_STAGES) throw tooManyStages(node, file);
      stages.push(newStage(stages.length, instruction));
    } else if (stage) stage.instructions.push(instruction);
    else if (instruction.kind === 'arg') globalArgs.push(instruction);
    else throw locate(new Problem('no build stage in current context', node.name, BEGIN.hint), file, node.location);
  }
  return { globalArgs, stages };
}

function tooManyStages(node: Node, file: SourceFile): unknown {
  const problem = new Problem(`more than ${MAX_STAGES} build stages`, node.name, 'divide the Dockerfile');
  return locate(problem, file, node.location);
}

function understand(node: Node, escape: EscapeCharacter, file: SourceFile): Instruction {
  try {
    return parseNode(node, escape);
  } catch (error) {
    throw locate(error, file, node.location, usageHint(node.keyword));
  }
}

function newStage(index: number, from: FromInstruction): Stage {
  return { index, ...(from.alias && { name: from.alias }), from, instructions: [] };
}

/** What `commit --change` and `import --change` accept. */
export const CHANGE_KINDS: readonly InstructionKind[] = [
  ...(['cmd', 'entrypoint', 'healthcheck', 'env', 'expose', 'label'] as const),
  ...(['onbuild', 'stopsignal', 'user', 'volume', 'workdir'] as const),
];

export interface InstructionContext {
  /** Shown in errors, for example "ONBUILD trigger of node:24". */
  readonly filename?: string;
  /** Kinds that may be used; all but FROM by default. */
  readonly allowed?: readonly InstructionKind[];
}

/**
 * Parses one instruction given alone: an ONBUILD trigger (here-documents included) or a `--change`.
 *
 * @throws DockerfileError
 */
export function parseInstruction(text: string, context: InstructionContext = {}): Instruction {
  const filename = context.filename ?? 'instruction';
  const file = { filename, source: decodeSource(text, filename) };
  const { nodes, escape } = parseNodes(file);
  const [node] = nodes;
  if (!node || nodes.length !== 1) throw new DockerfileError('a single instruction is expected', file);
  const instruction = understand(node, escape, file);
  const { kind, location } = instruction;
  if (context.allowed ? !context.allowed.includes(kind) : kind === 'from')
    throw new DockerfileError(`${kind.toUpperCase()} is not allowed here`, file, { location });
  return instruction;
}
