import { parsePlatform } from '../../oci/index.ts';
import { DockerfileError, locate } from '../dockerfile-error.ts';
import { evaluateGlobalArgs } from '../global-args.ts';
import { expandInstruction } from '../instructions/expand-instruction.ts';
import type { Dockerfile, Stage } from '../parse-dockerfile.ts';
import { parseCheckOptions, type CheckOptions } from './check-options.ts';
import { CheckReport, type CheckWarning } from './check-report.ts';
import { attempt, checkBasePlatform, checkDefaultBases, checkFrom } from './from-checks.ts';
import type { LintFacts } from './lint-facts.ts';
import { checkSpelling } from './spelling-checks.ts';
import { StageChecks, stateOfBase, type StageState } from './stage-checks.ts';

/** The build argument that takes the directive's place. */
const CHECK_ARG = 'BUILDKIT_DOCKERFILE_CHECK';

const HINT = 'write skip=NAME,NAME or skip=all, experimental=NAME, error=true, with ";" between them';

/** What the file's `# check=` directive asks for, or the build argument that replaces it. @throws DockerfileError, at the directive */
export function checkOptionsOf(dockerfile: Dockerfile, given: ReadonlyMap<string, string>): CheckOptions {
  const argument = given.get(CHECK_ARG);
  try {
    return parseCheckOptions(argument ?? dockerfile.directives.check?.split(' ')[0] ?? '');
  } catch (error) {
    if (argument !== undefined)
      throw new DockerfileError(`failed to parse ${CHECK_ARG}: ${reasonOf(error)}`, dockerfile, { hint: HINT });
    throw locate(error, dockerfile, directiveLocation(dockerfile), HINT);
  }
}

/**
 * Runs the build checks over a parsed Dockerfile, with the names and messages of BuildKit's linter. Looks at nothing else than
 * what it is given; a fact that is missing leaves checks out, it never makes a warning.
 * @throws DockerfileError for an invalid `# check=` directive
 */
export function lintDockerfile(dockerfile: Dockerfile, facts: LintFacts): CheckWarning[] {
  const report = new CheckReport(checkOptionsOf(dockerfile, facts.given));
  checkSpelling(dockerfile, report);
  checkDefaultBases(dockerfile, facts, report);
  const globals = attempt(() => evaluateGlobalArgs(dockerfile, facts.predefined, facts.given));
  if (!globals) return report.warnings;
  for (const stage of dockerfile.stages) checkFrom(stage, dockerfile, globals, report);
  checkStages(dockerfile, facts, globals, report);
  return report.warnings;
}

function checkStages(
  dockerfile: Dockerfile,
  facts: LintFacts,
  globals: ReadonlyMap<string, string>,
  report: CheckReport,
): void {
  const { escape } = dockerfile;
  const ends = new Map<Stage, StageState>();
  for (const stage of facts.stages ?? dockerfile.stages) {
    const from = attempt(() => expandInstruction(stage.from, globals, { escape }))?.instruction;
    if (!from) continue;
    const earlier = dockerfile.stages.slice(0, stage.index).findLast(({ name }) => name === from.image);
    const begin = earlier ? ends.get(earlier) : baseState(stage, from.image, from.platform, facts, report);
    ends.set(stage, StageChecks.run(stage, begin ?? stateOfBase(undefined), { facts, globals, escape, report }));
  }
}

function baseState(
  stage: Stage,
  image: string,
  platform: string | undefined,
  facts: LintFacts,
  report: CheckReport,
): StageState {
  if (image === 'scratch') return stateOfBase('scratch');
  const base = facts.base?.(image, platform);
  const expected = platform === undefined ? facts.target : attempt(() => parsePlatform(platform));
  const actual = base?.platform;
  if (actual && expected) checkBasePlatform(stage.from, image, { expected, actual }, report);
  return stateOfBase(base);
}

function directiveLocation({ source }: Dockerfile): { startLine: number; endLine: number } {
  const line = source.split('\n', 10).findIndex((text) => /^\s*#\s*check\s*=/i.test(text)) + 1;
  return { startLine: Math.max(1, line), endLine: Math.max(1, line) };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
