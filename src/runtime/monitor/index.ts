export { Conmon, MonitorError, type MonitorRequest } from './conmon.ts';
export { findMonitor, monitorFiles, readExit, resizeTerminal, type Monitor } from './monitor-files.ts';
