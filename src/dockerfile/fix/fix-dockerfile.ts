import { hostPlatform } from '../../oci/index.ts';
import { evaluateGlobalArgs } from '../global-args.ts';
import type { Instruction } from '../instructions/types.ts';
import type { CheckWarning } from '../lint/check-report.ts';
import { attempt } from '../lint/from-checks.ts';
import { lintDockerfile } from '../lint/lint-dockerfile.ts';
import type { LintFacts } from '../lint/lint-facts.ts';
import { inOrder } from '../lint/spelling-checks.ts';
import { parseDockerfile, type Dockerfile, type Stage } from '../parse-dockerfile.ts';
import { predefinedArgs } from '../predefined-args.ts';
import { expandWord } from '../shell/expand.ts';
import { applyEdits, type Edit } from './edits.ts';
import { fixInstruction, pinFrom, type Fix } from './fix-instruction.ts';
import { LogicalLine } from './logical-line.ts';

/** One thing a fix did or left. */
export interface FixNote {
  /** Name of the build check, or "Pin". */
  readonly rule: string;
  readonly line: number;
  readonly message: string;
}

export interface FixResult {
  readonly source: string;
  readonly fixed: readonly FixNote[];
  /** What the checks still report, and why it is not edited. */
  readonly left: readonly (FixNote & { readonly why: string })[];
}

export interface FixOptions {
  readonly filename?: string;
  /** Digests of base images by their names in FROM, or why there is none: images are pinned to them. */
  readonly pins?: ReadonlyMap<string, { readonly digest: string } | { readonly why: string }>;
}

/** One mended check may uncover another; more passes than this would be a mistake. */
const MAX_PASSES = 10;
const BYTE_ORDER_MARK = '\ufeff';

/**
 * Edits what the build checks report, where an edit is safe: everything else stays byte for byte. The result parses, and to fix it
 * again changes nothing.
 * @throws DockerfileError when the file cannot be read
 */
export function fixDockerfile(source: string, options: FixOptions = {}): FixResult {
  const mark = source.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : '';
  let text = source.slice(mark.length);
  const fixed: FixNote[] = [];
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const found = plan(text, options);
    if (found.edits.length === 0) break;
    const next = applyEdits(text, found.edits);
    if (next === text || !attempt(() => parseDockerfile(next, options))) break;
    // Lines move when empty ones go: what is told is where things were, which is known in the first pass.
    fixed.push(
      ...(pass === 0 ? found.fixed : found.fixed.filter((note) => !fixed.some((one) => one.rule === note.rule))),
    );
    text = next;
  }
  return { source: mark + text, fixed, left: plan(text, options).left };
}

/** Names of the images a Dockerfile is built on that can be pinned: as written, without variables. */
export function pinnableImages(dockerfile: Dockerfile): string[] {
  return [
    ...new Set(
      dockerfile.stages.filter((stage) => pinState(stage, dockerfile) === 'open').map(({ from }) => from.image),
    ),
  ];
}

interface Plan {
  readonly edits: Edit[];
  readonly fixed: FixNote[];
  readonly left: (FixNote & { why: string })[];
}

function plan(source: string, options: FixOptions): Plan {
  const dockerfile = parseDockerfile(source, options);
  const found: Plan = { edits: [], fixed: [], left: [] };
  const note = (fix: Fix, rule: string, line: number, message: string): void => {
    if ('why' in fix) found.left.push({ rule, line, message, why: fix.why });
    else {
      found.edits.push(...fix.edits);
      found.fixed.push({ rule, line, message });
    }
  };
  for (const warning of lintDockerfile(dockerfile, factsFor()))
    note(fixWarning(warning, dockerfile), warning.rule, warning.location.startLine, warning.message);
  if (options.pins)
    for (const stage of dockerfile.stages) {
      const fix = pinStage(stage, dockerfile, options.pins);
      const { image, location } = stage.from;
      if (fix) note(fix, 'Pin', location.startLine, `base image ${image} may change under its name`);
    }
  return found;
}

/** Nothing but the file is known; build arguments and base images are not. */
function factsFor(): LintFacts {
  const host = hostPlatform();
  return {
    predefined: predefinedArgs({ build: host, target: host, targetStage: 'default' }),
    given: new Map(),
    target: host,
  };
}

function fixWarning({ rule, location }: CheckWarning, dockerfile: Dockerfile): Fix {
  const instruction = instructionAt(dockerfile, location.startLine);
  if (!instruction) return { why: 'it is not where it is expected' };
  const line = LogicalLine.at(dockerfile.source, instruction.location, dockerfile.escape);
  if (line.text !== instruction.original) return { why: 'its text cannot be told apart' };
  const stage = dockerfile.stages.find((one) => one.from === instruction || one.instructions.includes(instruction));
  return fixInstruction(rule, { dockerfile, stage, instruction, line });
}

function instructionAt(dockerfile: Dockerfile, line: number): Instruction | undefined {
  return inOrder(dockerfile).find(({ location }) => location.startLine <= line && line <= location.endLine);
}

function pinStage(stage: Stage, dockerfile: Dockerfile, pins: NonNullable<FixOptions['pins']>): Fix | undefined {
  const state = pinState(stage, dockerfile);
  if (state === 'none') return undefined;
  if (state === 'variable') return { why: 'its name has variables: pin the default of the ARG' };
  const pin = pins.get(stage.from.image);
  if (!pin || 'why' in pin) return pin ?? { why: 'its digest is not known' };
  return pinFrom(stage.from, LogicalLine.at(dockerfile.source, stage.from.location, dockerfile.escape), pin.digest);
}

/** Whether a stage's base can be pinned: stages and what has a digest need not, names made of variables cannot. */
function pinState({ from, index }: Stage, dockerfile: Dockerfile): 'none' | 'variable' | 'open' {
  if (from.image === 'scratch' || from.image.includes('@sha256:')) return 'none';
  if (dockerfile.stages.slice(0, index).some(({ name }) => name === from.image)) return 'none';
  if (!/["'$\\`]/.test(from.image)) return 'open';
  const globals = attempt(() => evaluateGlobalArgs(dockerfile, factsFor().predefined, new Map()));
  const image = globals && attempt(() => expandWord(from.image, globals, dockerfile))?.value;
  const isStage = dockerfile.stages.slice(0, index).some(({ name }) => name === image);
  return image === 'scratch' || isStage || image?.includes('@sha256:') ? 'none' : 'variable';
}
