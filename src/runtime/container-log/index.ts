export { readLogs } from './read-logs.ts';
export { LogRotation } from './log-rotation.ts';
