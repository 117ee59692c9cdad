export type * from './types.ts';
export { openEngine, StoreInUse, type EngineOptions } from './open-engine.ts';
