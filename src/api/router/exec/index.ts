import type { Route } from '../../http/call.ts';
import { createExec, inspectExec, resizeExec, startExec } from './exec.ts';

export const EXEC_ROUTES: readonly Route[] = [
  { method: 'POST', path: '/containers/{name}/exec', handler: createExec, summary: 'As Docker' },
  { method: 'POST', path: '/exec/{id}/start', handler: startExec, summary: 'Detached, or hijacked as attach is' },
  { method: 'POST', path: '/exec/{id}/resize', handler: resizeExec, summary: 'As Docker' },
  { method: 'GET', path: '/exec/{id}/json', handler: inspectExec, summary: 'As Docker' },
];
