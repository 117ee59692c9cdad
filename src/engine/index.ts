export type * from './types.ts';
export { openEngine, type EngineOptions } from './open-engine.ts';
