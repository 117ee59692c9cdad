export { BuildHistory, type BuildLog } from './build-history.ts';
export type { BuildRecord, BuildStatus, RecordedStep } from './build-record.ts';
export type { LogPiece } from './step-log.ts';
