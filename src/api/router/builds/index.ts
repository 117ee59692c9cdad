import type { Route } from '../../http/call.ts';
import { buildLog, getBuild, listBuilds, removeBuild } from './builds.ts';

/** lading's own: what earlier builds did. */
export const BUILDS_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/lading/builds', handler: listBuilds, summary: 'Recorded builds, newest first; `name`' },
  {
    method: 'GET',
    path: '/lading/builds/{id...}/log',
    handler: buildLog,
    summary: 'What its steps printed, cached ones too; `step`; one JSON value a line',
  },
  {
    method: 'GET',
    path: '/lading/builds/{id...}',
    handler: getBuild,
    summary: 'One by id, prefix, name or `latest`, and the one before it of that name',
  },
  { method: 'DELETE', path: '/lading/builds/{id...}', handler: removeBuild, summary: 'Forgets one and its logs' },
];
