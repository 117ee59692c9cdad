import type { FromInstruction, Instruction } from '../instructions/types.ts';
import type { Dockerfile, Stage } from '../parse-dockerfile.ts';
import type { CheckReport } from './check-report.ts';
import { aliasWordsOf, keywordOf } from './written.ts';

const RESERVED = ['context', 'scratch'];

/** Checks of how things are written: no variable's value matters. */
export function checkSpelling(dockerfile: Dockerfile, report: CheckReport): void {
  for (const line of dockerfile.emptyContinuations)
    report.add('NoEmptyContinuation', { startLine: line, endLine: line }, 'Empty continuation line');
  for (const instruction of inOrder(dockerfile)) checkAlone(instruction, report);
  checkStageNames(dockerfile.stages, report);
  checkCasing(dockerfile.stages, report);
}

/** Every instruction as it comes in the file. */
export function inOrder(dockerfile: Dockerfile): Instruction[] {
  return [...dockerfile.globalArgs, ...dockerfile.stages.flatMap((stage) => [stage.from, ...stage.instructions])];
}

function checkAlone(instruction: Instruction, report: CheckReport): void {
  const { location, comments } = instruction;
  switch (instruction.kind) {
    case 'maintainer':
      report.add(
        'MaintainerDeprecated',
        location,
        'Maintainer instruction is deprecated in favor of using label',
        comments,
      );
      break;
    case 'from':
      checkFromCasing(instruction, report);
      checkDescription(instruction, 'FROM', instruction.alias === undefined ? [] : [instruction.alias], report);
      break;
    case 'arg':
      checkDescription(
        instruction,
        'ARG',
        instruction.args.map(({ key }) => key),
        report,
      );
      break;
    default:
  }
}

function checkFromCasing(from: FromInstruction, report: CheckReport): void {
  const words = aliasWordsOf(from);
  if (!words) return;
  const { location, comments } = from;
  const keyword = keywordOf(from);
  if (words.name !== words.name.toLowerCase())
    report.add('StageNameCasing', location, `Stage name '${words.name}' should be lowercase`, comments);
  const wanted = casingOf(keyword);
  if (wanted !== undefined && casingOf(words.as) !== wanted)
    report.add('FromAsCasing', location, `'${words.as}' and '${keyword}' keywords' casing do not match`, comments);
}

/** The last comment line above a named thing should begin with its name. */
function checkDescription(
  { location, comments }: Instruction,
  keyword: string,
  names: readonly string[],
  report: CheckReport,
): void {
  const first = comments.at(-1)?.split(' ')[0];
  const [name] = names;
  if (first === undefined || name === undefined || names.includes(first)) return;
  const shown = names.length > 1 ? '<arg_key>' : name;
  const message = `Comment for ${keyword} should follow the format: \`# ${shown} <description>\``;
  report.add('InvalidDefinitionDescription', location, message, comments);
}

function checkStageNames(stages: readonly Stage[], report: CheckReport): void {
  const seen = new Set<string>();
  for (const { name, from } of stages) {
    if (name === undefined) continue;
    const { location, comments } = from;
    if (RESERVED.includes(name)) {
      const message = `Stage name should not use the same name as reserved stage "${name}"`;
      report.add('ReservedStageName', location, message, comments);
    }
    if (seen.has(name)) {
      const message = `Duplicate stage name "${name}", stage names should be unique`;
      report.add('DuplicateStageName', location, message, comments);
    }
    seen.add(name);
  }
}

/** The casing most instructions of the stages have; upper case when it is even. */
export function majorityCasing(stages: readonly Stage[]): 'lowercase' | 'uppercase' {
  let lower = 0;
  let upper = 0;
  for (const instruction of instructionsOf(stages)) {
    const casing = casingOf(keywordOf(instruction));
    if (casing === 'lowercase') lower++;
    else if (casing === 'uppercase') upper++;
  }
  return lower > upper ? 'lowercase' : 'uppercase';
}

function checkCasing(stages: readonly Stage[], report: CheckReport): void {
  const majority = majorityCasing(stages);
  for (const instruction of instructionsOf(stages)) {
    const keyword = keywordOf(instruction);
    if (casingOf(keyword) === majority) continue;
    const message = `Command '${keyword}' should match the case of the command majority (${majority})`;
    report.add('ConsistentInstructionCasing', instruction.location, message, instruction.comments);
  }
}

function instructionsOf(stages: readonly Stage[]): Instruction[] {
  return stages.flatMap(({ from, instructions }) => [from, ...instructions]);
}

function casingOf(word: string): 'lowercase' | 'uppercase' | undefined {
  if (word === word.toLowerCase()) return 'lowercase';
  return word === word.toUpperCase() ? 'uppercase' : undefined;
}
