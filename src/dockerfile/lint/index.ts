export { CHECK_RULES, checkUrl, type CheckName } from './rules.ts';
export type { CheckOptions } from './check-options.ts';
export type { CheckWarning } from './check-report.ts';
export type { BaseFacts, LintFacts } from './lint-facts.ts';
export { looksSecret } from './stage-checks.ts';
export { checkOptionsOf, lintDockerfile } from './lint-dockerfile.ts';
