/**
 * The Dockerfile language as Docker's frontend 1.26 reads it: text -> instructions -> expanded instructions.
 * Pure: no file is read, nothing is built. Files and ignore rules are hostile input; work on them is bounded.
 */
export { CHANGE_KINDS, parseDockerfile, parseInstruction } from './parse-dockerfile.ts';
export type { Dockerfile, InstructionContext, Stage } from './parse-dockerfile.ts';
export { DockerfileError, type Caret, type SourceFile, type SourceLocation } from './dockerfile-error.ts';
export type { Directives, EscapeCharacter } from './parser/directives.ts';
export type { Heredoc } from './parser/heredoc.ts';
export type { KeyValue } from './parser/arguments.ts';
export type * from './instructions/types.ts';
export type { RunDevice } from './instructions/run-device.ts';
export type { RunMount } from './instructions/run-mount.ts';
export { runCommand } from './instructions/run.ts';
export { parseDuration } from './instructions/go-values.ts';
export { expandInstruction } from './instructions/expand-instruction.ts';
export type { ExpandedInstruction, ExpandInstructionOptions } from './instructions/expand-instruction.ts';
export { expandWord, expandWords } from './shell/expand.ts';
export type { ExpandOptions, ExpandResult, ExpandWordsResult } from './shell/expand.ts';
export type { Env } from './shell/word-lexer.ts';
export { matchGlob } from './glob/glob.ts';
export { IgnoreMatcher } from './glob/ignore-matcher.ts';
export { parsePortSpec, type PortSpec } from './instructions/ports.ts';
export { predefinedArgs, type PredefinedArgsOptions } from './predefined-args.ts';
export { evaluateGlobalArgs } from './global-args.ts';
export * from './lint/index.ts';
export { nearest } from './suggest.ts';
export { renderSnippet } from './snippet.ts';
export * from './calls/index.ts';
export * from './fix/index.ts';
