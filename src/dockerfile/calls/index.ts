export type { CallAnswer } from './call-answer.ts';
export { checkAnswer, type CheckFailure } from './check.ts';
export { outlineAnswer, type OutlineOptions } from './outline.ts';
export { targetsAnswer } from './targets.ts';
