import type { Route } from '../../http/call.ts';
import { unsupported } from '../unsupported.ts';
import { exportContainer, getArchive, putArchive, statArchive } from './archive.ts';
import { attachContainer } from './attach.ts';
import { commitContainer } from './commit.ts';
import {
  createContainer,
  killContainer,
  pauseContainer,
  pruneContainers,
  removeContainer,
  renameContainer,
  resizeContainer,
  restartContainer,
  startContainer,
  stopContainer,
  unpauseContainer,
  updateContainer,
} from './lifecycle.ts';
import { containerChanges, inspectContainer, listContainers, topContainer } from './list.ts';
import { containerLogs } from './logs.ts';
import { waitContainer } from './wait.ts';

const stats = unsupported('container stats');

export const CONTAINER_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/containers/json',
    handler: listContainers,
    summary: "All of Docker's filters, `all`, `limit`, `size`",
  },
  {
    method: 'POST',
    path: '/containers/create',
    handler: createContainer,
    summary:
      '`VolumesFrom`, `Links`, device requests and user namespaces are refused; device rates are ignored with a warning',
  },
  {
    method: 'POST',
    path: '/containers/prune',
    handler: pruneContainers,
    minVersion: '1.25',
    summary: 'Filters `until`, `label`, `label!`',
  },
  {
    method: 'GET',
    path: '/containers/{name}/json',
    handler: inspectContainer,
    summary: '`size=1` adds SizeRw and SizeRootFs; GraphDriver has no data; health has no log',
  },
  { method: 'GET', path: '/containers/{name}/top', handler: topContainer, summary: '`ps_args`' },
  {
    method: 'GET',
    path: '/containers/{name}/logs',
    handler: containerLogs,
    summary: '`follow`, `tail`, `since`, `until`, `timestamps`; `details` is accepted and adds nothing',
  },
  { method: 'GET', path: '/containers/{name}/changes', handler: containerChanges, summary: 'As Docker' },
  { method: 'GET', path: '/containers/{name}/export', handler: exportContainer, summary: 'As Docker' },
  { method: 'GET', path: '/containers/{name}/stats', handler: stats, summary: 'Not served: 501' },
  { method: 'HEAD', path: '/containers/{name}/archive', handler: statArchive, summary: 'As Docker' },
  { method: 'GET', path: '/containers/{name}/archive', handler: getArchive, summary: 'As Docker' },
  {
    method: 'PUT',
    path: '/containers/{name}/archive',
    handler: putArchive,
    summary: '`noOverwriteDirNonDir`, `copyUIDGID`',
  },
  { method: 'POST', path: '/containers/{name}/start', handler: startContainer, summary: 'Checkpoints are not served' },
  { method: 'POST', path: '/containers/{name}/stop', handler: stopContainer, summary: '`t`, `signal`' },
  { method: 'POST', path: '/containers/{name}/restart', handler: restartContainer, summary: '`t`, `signal`' },
  { method: 'POST', path: '/containers/{name}/kill', handler: killContainer, summary: '`signal`' },
  { method: 'POST', path: '/containers/{name}/pause', handler: pauseContainer, summary: 'As Docker' },
  { method: 'POST', path: '/containers/{name}/unpause', handler: unpauseContainer, summary: 'As Docker' },
  { method: 'POST', path: '/containers/{name}/rename', handler: renameContainer, summary: 'As Docker' },
  {
    method: 'POST',
    path: '/containers/{name}/update',
    handler: updateContainer,
    summary: 'Resources and restart policy; zero values leave a setting as it is',
  },
  { method: 'POST', path: '/containers/{name}/resize', handler: resizeContainer, summary: 'As Docker' },
  {
    method: 'POST',
    path: '/containers/{name}/attach',
    handler: attachContainer,
    summary:
      'Upgrade (101) or a raw 200; multiplexed without a terminal; half close is end of file; detach keys with a terminal',
  },
  {
    method: 'POST',
    path: '/containers/{name}/wait',
    handler: waitContainer,
    summary: '`condition` not-running, next-exit, removed; the header leaves at once',
  },
  {
    method: 'DELETE',
    path: '/containers/{name}',
    handler: removeContainer,
    summary: '`force`, `v`; `link` is ignored',
  },
  {
    method: 'POST',
    path: '/commit',
    handler: commitContainer,
    summary: '`changes`, `pause`, a configuration in the body',
  },
];
