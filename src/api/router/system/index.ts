import type { Route } from '../../http/call.ts';
import { diskUsage } from './disk-usage.ts';
import { checkAuth, events, info, ping, version } from './system.ts';

export const SYSTEM_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/_ping',
    handler: ping,
    summary: '`Builder-Version: 1`: clients without their own builder use the classic endpoint',
  },
  { method: 'HEAD', path: '/_ping', handler: ping, summary: 'As GET, without a body' },
  { method: 'GET', path: '/version', handler: version, summary: 'As Docker' },
  { method: 'GET', path: '/info', handler: info, summary: 'As Docker; no swarm, no plugins' },
  { method: 'GET', path: '/events', handler: events, summary: '`since`, `until`, `filters`' },
  { method: 'GET', path: '/system/df', handler: diskUsage, summary: '`type`' },
  { method: 'POST', path: '/auth', handler: checkAuth, summary: 'As Docker' },
];
