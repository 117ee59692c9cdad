import type { Route } from '../../http/call.ts';
import { createVolume, inspectVolume, listVolumes, pruneVolumes, removeVolume } from './volumes.ts';

export const VOLUME_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/volumes', handler: listVolumes, summary: 'Filters `dangling`, `driver`, `label`, `name`' },
  {
    method: 'POST',
    path: '/volumes/create',
    handler: createVolume,
    summary: 'Driver `local` only; no cluster volumes',
  },
  {
    method: 'POST',
    path: '/volumes/prune',
    handler: pruneVolumes,
    minVersion: '1.25',
    summary: 'Filters `label`, `label!`, `all`',
  },
  { method: 'GET', path: '/volumes/{name}', handler: inspectVolume, summary: 'As Docker' },
  { method: 'DELETE', path: '/volumes/{name}', handler: removeVolume, summary: '`force`' },
];
