export { parseCsv } from './csv.ts';
export { KeyedLock } from './keyed-lock.ts';
export { Limiter } from './limiter.ts';
export { SingleFlight } from './single-flight.ts';
export { syncFolder, writeFileAtomic, type AtomicFileOptions } from './atomic-file.ts';
export { readVersionFile } from './version-file.ts';
export { retry, type RetryOptions } from './retry.ts';
export { Log, SILENT_LOG, type LogFields, type LogLevel } from './log.ts';
export { runCommand, type CommandOptions, type CommandResult } from './command.ts';
