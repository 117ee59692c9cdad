export { findProgram, findRuntime, obstacleFor, type RuntimeProgram } from './find-runtime.ts';
export { RUNTIME_ENV, RuntimeDriver } from './runtime-driver.ts';
export { isRunning, type RuntimeState } from './runtime-state.ts';
export { runtimeMessage, startFailure } from './start-error.ts';
