import type { Route } from '../../http/call.ts';
import { unsupported } from '../unsupported.ts';
import { failedStepShell, resizeFailedStep } from './failed-step.ts';
import { exportCacheMounts, importCacheMounts, listCacheMounts, removeCacheMounts } from './cache-mounts.ts';
import { verifyRebuild } from './rebuild.ts';
import { build, pruneBuildCache, sendExport, whyNotCached } from './build.ts';

const buildkit = unsupported(
  "BuildKit's protocol",
  'set DOCKER_BUILDKIT=0 to use the classic endpoint, or build with lading',
);

export const BUILD_ROUTES: readonly Route[] = [
  {
    method: 'POST',
    path: '/build',
    handler: build,
    summary:
      "Classic (version 1): tar body, or `remote` (Git, http archive or Dockerfile), limits of steps, `squash`; `cachefrom` is not needed and ignored. lading's client: a request of its own, an event stream",
  },
  {
    method: 'GET',
    path: '/lading/build/exports/{id}',
    handler: sendExport,
    summary: "lading's own: an output that an `export` event announced, as a tar, once, while its build runs",
  },
  {
    method: 'POST',
    path: '/lading/rebuild/{name...}',
    handler: verifyRebuild,
    summary: "lading's own: builds an image again from its provenance and compares; the build's events, then a verdict",
  },
  {
    method: 'POST',
    path: '/build/prune',
    handler: pruneBuildCache,
    minVersion: '1.31',
    summary:
      '`all`, `filters`, `reserved-space` (`keep-storage`), `max-used-space`, `min-free-space`; `lading-dry-run`, `lading-details`',
  },
  {
    method: 'POST',
    path: '/lading/build/debug/{id}/shell',
    handler: failedStepShell,
    summary: 'lading: a shell in a failed step of a build with `onError: shell`; `h`, `w`; hijacked',
  },
  {
    method: 'POST',
    path: '/lading/build/debug/{id}/resize',
    handler: resizeFailedStep,
    summary: 'lading: the size of that terminal; `h`, `w`',
  },
  {
    method: 'GET',
    path: '/lading/cache/why',
    handler: whyNotCached,
    summary: 'lading: why steps of the last build were not cached; `build` is a name, a tag or an image ID',
  },
  {
    method: 'GET',
    path: '/lading/cache/mounts',
    handler: listCacheMounts,
    summary: 'lading: folders of `RUN --mount=type=cache`, with size and use',
  },
  {
    method: 'DELETE',
    path: '/lading/cache/mounts',
    handler: removeCacheMounts,
    summary: 'lading: removes the named ones (`id`, repeated), or all that are not in use (`all`)',
  },
  {
    method: 'GET',
    path: '/lading/cache/mounts/export',
    handler: exportCacheMounts,
    summary: 'lading: `id`, repeated, or `all`, as a tar',
  },
  {
    method: 'POST',
    path: '/lading/cache/mounts/import',
    handler: importCacheMounts,
    summary: 'lading: takes such a tar',
  },
  { method: 'POST', path: '/session', handler: buildkit, minVersion: '1.31', summary: 'Not served: 501' },
  { method: 'POST', path: '/grpc', handler: buildkit, minVersion: '1.38', summary: 'Not served: 501' },
];
