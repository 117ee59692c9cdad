import { formatPlatform, parsePlatform, parseReference, type Platform } from '../../oci/index.ts';
import { LadingError } from '../../errors/index.ts';
import { evaluateGlobalArgs } from '../global-args.ts';
import type { FromInstruction } from '../instructions/types.ts';
import type { Dockerfile, Stage } from '../parse-dockerfile.ts';
import { expandWord, type ExpandResult } from '../shell/expand.ts';
import { nearest } from '../suggest.ts';
import type { CheckReport } from './check-report.ts';
import type { LintFacts } from './lint-facts.ts';

const NOTHING: ReadonlyMap<string, string> = new Map();

/** Base images have to be valid names even when no build argument is given. */
export function checkDefaultBases(dockerfile: Dockerfile, facts: LintFacts, report: CheckReport): void {
  const defaults = attempt(() => evaluateGlobalArgs(dockerfile, facts.predefined, NOTHING));
  if (!defaults) return;
  for (const { from } of dockerfile.stages) {
    const image = attempt(() => expandWord(from.image, defaults, dockerfile))?.value;
    if (image === undefined) return;
    if (attempt(() => parseReference(image))) continue;
    const message = `Default value for ARG ${from.image} results in empty or invalid base image name`;
    report.add('InvalidDefaultArgInFrom', from.location, message, from.comments);
  }
}

/** Checks of one FROM, with the global arguments as they are in this build. */
export function checkFrom(
  stage: Stage,
  dockerfile: Dockerfile,
  globals: ReadonlyMap<string, string>,
  report: CheckReport,
): void {
  const { from } = stage;
  const declared = new Set([
    ...globals.keys(),
    ...dockerfile.globalArgs.flatMap(({ args }) => args.map(({ key }) => key)),
  ]);
  const expand = (word: string): ExpandResult | undefined => attempt(() => expandWord(word, globals, dockerfile));
  const image = expand(from.image);
  if (image) reportUndeclared(from, image.unset, declared, report);
  if (from.platform === undefined) return;
  const platform = expand(from.platform);
  if (!platform) return;
  reportUndeclared(from, platform.unset, declared, report);
  if (platform.used.size === 1 && platform.unset.size === 0) checkRedundant(from, platform, globals, report);
  if (platform.used.size === 0 && platform.unset.size === 0) checkConstant(stage, platform.value, report);
}

/** The image pulled for a stage should be for its platform. */
export function checkBasePlatform(
  from: FromInstruction,
  image: string,
  { expected, actual }: { readonly expected: Platform; readonly actual: Platform },
  report: CheckReport,
): void {
  if (expected.os === actual.os && expected.architecture === actual.architecture) return;
  const message = `Base image ${image} was pulled with platform "${formatPlatform(actual)}", expected "${formatPlatform(expected)}" for current build`;
  report.add('InvalidBaseImagePlatform', from.location, message, from.comments);
}

function reportUndeclared(
  from: FromInstruction,
  unset: ReadonlySet<string>,
  declared: ReadonlySet<string>,
  report: CheckReport,
): void {
  for (const name of unset) {
    if (declared.has(name)) continue;
    const near = nearest(name, declared);
    const message = `FROM argument '${name}' is not declared${near === undefined ? '' : ` (did you mean ${near}?)`}`;
    report.add('UndefinedArgInFrom', from.location, message, from.comments);
  }
}

function checkRedundant(
  from: FromInstruction,
  platform: ExpandResult,
  globals: ReadonlyMap<string, string>,
  report: CheckReport,
): void {
  if (!platform.used.has('TARGETPLATFORM') || platform.value !== globals.get('TARGETPLATFORM')) return;
  const message = `Setting platform to predefined ${from.platform} in FROM is redundant as this is the default behavior`;
  report.add('RedundantTargetPlatform', from.location, message, from.comments);
}

function checkConstant({ name = '', from }: Stage, text: string, report: CheckReport): void {
  const platform = attempt(() => parsePlatform(text));
  if (!platform || name.includes(platform.os) || name.includes(platform.architecture)) return;
  const message = `FROM --platform flag should not use constant value "${text}"`;
  report.add('FromPlatformFlagConstDisallowed', from.location, message, from.comments);
}

/** The build itself reports what cannot be understood. */
export function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof LadingError) return undefined;
    throw error;
  }
}
