/** lading's own build protocol is the engine's vocabulary as JSON. */
export type {
  BuildEvent as EngineBuildEvent,
  BuildSettings as EngineBuildSettings,
  RebuildVerdict as EngineRebuildVerdict,
} from '../../engine/index.ts';
export type { BuildRun, RunStep } from '../../engine/index.ts';
export type { BuildRecord, LogPiece, RecordedStep } from '../../engine/index.ts';
