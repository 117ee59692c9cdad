import { cleanPath } from '../glob/clean-path.ts';
import { parsePortSpec } from '../instructions/ports.ts';
import type { FromInstruction, Instruction } from '../instructions/types.ts';
import { attempt } from '../lint/from-checks.ts';
import type { CheckName } from '../lint/rules.ts';
import { majorityCasing } from '../lint/spelling-checks.ts';
import { keywordOf } from '../lint/written.ts';
import type { Dockerfile, Stage } from '../parse-dockerfile.ts';
import type { Edit } from './edits.ts';
import type { LogicalLine, Span } from './logical-line.ts';
import { literal, pairInsertions } from './pair-value.ts';
import { plainCommand } from './shell-command.ts';

/** Edits that mend what a check found, or why there are none. */
export type Fix = { readonly edits: readonly Edit[] } | { readonly why: string };

export interface FixContext {
  readonly dockerfile: Dockerfile;
  readonly stage: Stage | undefined;
  readonly instruction: Instruction;
  readonly line: LogicalLine;
}

type Fixer = (context: FixContext) => Fix;

const OTHERS: Readonly<Partial<Record<CheckName, string>>> = {
  DuplicateStageName: 'which stage a reference means would change: rename one and what refers to it',
  ReservedStageName: 'rename the stage and what refers to it',
  UndefinedArgInFrom: 'declare it with ARG before the first FROM, or correct its name',
  UndefinedVar: 'declare it with ARG or ENV, or correct its name',
  MultipleInstructionsDisallowed: 'remove those that have no effect',
  InvalidBaseImagePlatform: 'name an image of the platform',
  SecretsUsedInArgOrEnv: 'hand it to the step that needs it: RUN --mount=type=secret',
  InvalidDefaultArgInFrom: 'give the ARG a default that makes a valid image name; names of stages are in lower case',
  FromPlatformFlagConstDisallowed: 'leave the flag out, or build with --platform',
  CopyIgnoredFile: 'change the ignore file, or the source',
  InvalidDefinitionDescription: 'begin the comment with the name, or leave a line between',
};

const FIXERS: Readonly<Partial<Record<CheckName, Fixer>>> = {
  StageNameCasing: (context) => replaceWord(context, 2, (name) => name.toLowerCase()),
  FromAsCasing: (context) => replaceWord(context, 1, (word) => cased(word, keywordAfterFix(context))),
  ConsistentInstructionCasing: fixKeyword,
  NoEmptyContinuation: ({ line }) => ({ edits: line.emptyLines.map((span) => ({ ...span, text: '' })) }),
  JSONArgsRecommended: fixCommand,
  MaintainerDeprecated: fixMaintainer,
  WorkdirRelativePath: fixWorkdir,
  LegacyKeyValueFormat: fixLegacy,
  RedundantTargetPlatform: fixPlatform,
  ExposeProtoCasing: fixPorts,
  ExposeInvalidFormat: fixPorts,
};

/** How to mend what a check found in an instruction. */
export function fixInstruction(rule: CheckName, context: FixContext): Fix {
  return FIXERS[rule]?.(context) ?? { why: OTHERS[rule] ?? 'there is no edit for it' };
}

/** The edit of a part of an instruction. */
function replace(line: LogicalLine, span: Span, text: string): Fix {
  const place = line.place(span);
  return place ? { edits: [{ ...place, text }] } : { why: 'comments inside would be lost' };
}

function replaceWord({ line }: FixContext, index: number, change: (word: string) => string): Fix {
  const span = line.words(line.args)[index];
  return span ? replace(line, span, change(line.textOf(span))) : { why: 'it is not where it is expected' };
}

/** The instruction's name as it will be when its casing is consistent. */
function keywordAfterFix({ dockerfile, instruction }: FixContext): string {
  return cased(keywordOf(instruction), majorityCasing(dockerfile.stages) === 'lowercase' ? 'x' : 'X');
}

/** A word in the casing of another. */
function cased(word: string, like: string): string {
  return like === like.toLowerCase() ? word.toLowerCase() : word.toUpperCase();
}

/** A FROM's "AS" goes along; a MAINTAINER is replaced as a whole. */
function fixKeyword(context: FixContext): Fix {
  const { line, instruction } = context;
  if (instruction.kind === 'maintainer') return fixMaintainer(context);
  const keyword = keywordAfterFix(context);
  const fix = replace(line, line.keyword, keyword);
  const as = instruction.kind === 'from' && instruction.alias !== undefined ? line.words(line.args)[1] : undefined;
  if (!as || 'why' in fix) return fix;
  const second = replace(line, as, cased(line.textOf(as), keyword));
  return 'why' in second ? fix : { edits: [...fix.edits, ...second.edits] };
}

function fixMaintainer(context: FixContext): Fix {
  const { line, instruction, dockerfile } = context;
  if (instruction.kind !== 'maintainer') return { why: 'it is no MAINTAINER' };
  const label = `${cased('label', keywordAfterFix(context))} org.opencontainers.image.authors=`;
  return replace(line, { start: 0, end: line.text.length }, label + literal(instruction.name, dockerfile.escape));
}

function fixLegacy({ line, dockerfile }: FixContext): Fix {
  const text = line.textOf(line.args);
  const [key = '', gap = '', value = ''] = /^([^\t\v\f\r ]+)([\t\v\f\r ]+)([^]*)$/.exec(text)?.slice(1) ?? [];
  const insertions = value === '' ? undefined : pairInsertions(key, value, dockerfile.escape);
  if (!insertions) return { why: 'quotes in it mean something else behind "="' };
  const keyEnd = line.args.start + key.length;
  const valueStart = keyEnd + gap.length;
  const joint = line.place({ start: keyEnd - 1, end: valueStart + 1 });
  const before = line.place({ start: keyEnd - 1, end: keyEnd });
  const after = line.place({ start: valueStart, end: valueStart + 1 });
  if (!joint || !before || !after) return { why: 'comments inside would be lost' };
  const edits: Edit[] = [{ start: before.end, end: after.start, text: '=' }];
  for (const { at, text: more } of insertions) {
    const end = at === value.length;
    const place = line.place({ start: valueStart + at - (end ? 1 : 0), end: valueStart + at + (end ? 0 : 1) });
    if (!place) return { why: 'its lines cannot be told apart' };
    const offset = end ? place.end : place.start;
    // What comes first in the value joins the "=": two edits must not meet.
    if (at === 0) edits[0] = { start: before.end, end: after.start, text: `=${more}` };
    else edits.push({ start: offset, end: offset, text: more });
  }
  return { edits };
}

function fixCommand({ line, instruction, stage, dockerfile }: FixContext): Fix {
  if (instruction.kind !== 'cmd' && instruction.kind !== 'entrypoint') return { why: 'it is no command' };
  const plain = plainCommand(line.textOf(line.args));
  if ('why' in plain) return { why: `${plain.why}: write ["/bin/sh", "-c", "…"] if a shell is wanted, or a script` };
  const other = instruction.kind === 'cmd' ? 'entrypoint' : 'cmd';
  if (stage && kindsOf(stage, dockerfile).has(other))
    return {
      why: `${other.toUpperCase()} and ${instruction.kind.toUpperCase()} are used together: what the program is given would change`,
    };
  return replace(line, line.args, `[${plain.words.map((word) => JSON.stringify(word)).join(', ')}]`);
}

/** Kinds of instructions in a stage and the stages it is built on. */
function kindsOf(stage: Stage, dockerfile: Dockerfile): Set<Instruction['kind']> {
  const base = dockerfile.stages.slice(0, stage.index).findLast(({ name }) => name === stage.from.image);
  return new Set([...stage.instructions.map(({ kind }) => kind), ...(base ? kindsOf(base, dockerfile) : [])]);
}

/** Without a base image the first folder is "/". */
function fixWorkdir({ line, instruction, stage }: FixContext): Fix {
  if (instruction.kind !== 'workdir') return { why: 'it is no WORKDIR' };
  if (stage?.from.image !== 'scratch')
    return { why: 'it depends on the WORKDIR of the base image: write the whole path' };
  if (/["'$\\`]/.test(instruction.path)) return { why: 'the path has quotes or variables: write the whole path' };
  return replace(line, line.args, cleanPath(`/${instruction.path}`));
}

function fixPlatform({ line }: FixContext): Fix {
  const flags = line.textOf(line.flags);
  if (!/^[\t\v\f\r ]+--platform=[^\t\v\f\r ]+[\t\v\f\r ]+$/.test(flags)) return { why: 'its flags have quotes' };
  return replace(line, line.flags, ' ');
}

/** Every word of EXPOSE as it is understood: lower case, without address and host's port. */
function fixPorts({ line }: FixContext): Fix {
  const edits: Edit[] = [];
  for (const span of line.words(line.args)) {
    const word = line.textOf(span);
    const spec = attempt(() => parsePortSpec(word));
    if (!spec || /["'$\\`]/.test(word)) continue;
    const text = (word.split(':').at(-1) ?? '').replace(/\/.*$/, (protocol) => protocol.toLowerCase());
    if (text === word) continue;
    const fix = replace(line, span, text);
    if ('why' in fix) return fix;
    edits.push(...fix.edits);
  }
  return edits.length > 0 ? { edits } : { why: 'the port has quotes or variables' };
}

/** `@sha256:…` behind the name of a base image. */
export function pinFrom(from: FromInstruction, line: LogicalLine, digest: string): Fix {
  const span = line.words(line.args)[0];
  if (!span || line.textOf(span) !== from.image) return { why: 'its name is not where it is expected' };
  return replace(line, span, `${from.image}@${digest}`);
}
