import type { ImageHistory, ImageView } from '../../engine/index.ts';
import { atLeast } from '../version.ts';
import { toContainerConfig } from './container-config.ts';

/** Gone since 1.44, needed by older clients. */
function virtualSize(size: number, version: string): { VirtualSize?: number } {
  return atLeast(version, '1.44') ? {} : { VirtualSize: size };
}

/** One element of GET /images/json. */
export function toImageSummary(view: ImageView, version: string, sharedSize = -1) {
  const old = !atLeast(version, '1.43') && view.repoTags.length === 0 && view.repoDigests.length === 0;
  return {
    Id: view.id,
    ParentId: '',
    RepoTags: old ? ['<none>:<none>'] : view.repoTags,
    RepoDigests: old ? ['<none>@<none>'] : view.repoDigests,
    Created: Math.floor(Date.parse(view.createdAt) / 1000),
    Size: view.sizeBytes,
    ...virtualSize(view.sizeBytes, version),
    SharedSize: sharedSize,
    Labels: Object.keys(view.labels).length === 0 ? null : view.labels,
    Containers: -1,
  };
}

export type ImageSummary = ReturnType<typeof toImageSummary>;

/** GET /images/{name}/json */
export function toImageInspect(view: ImageView, version: string, comment = '') {
  return {
    Id: view.id,
    RepoTags: view.repoTags,
    RepoDigests: view.repoDigests,
    Parent: '',
    Comment: comment,
    Created: view.createdAt,
    DockerVersion: '',
    Author: view.author,
    Config: toContainerConfig(view.config),
    Architecture: view.architecture,
    ...(view.variant === undefined ? {} : { Variant: view.variant }),
    Os: view.os,
    Size: view.sizeBytes,
    ...virtualSize(view.sizeBytes, version),
    GraphDriver: { Data: null, Name: 'overlay2' },
    RootFS: { Type: 'layers', Layers: view.diffIds },
    Metadata: { LastTagTime: view.lastTaggedAt === '' ? '0001-01-01T00:00:00Z' : view.lastTaggedAt },
  };
}

export type ImageInspect = ReturnType<typeof toImageInspect>;

/** One element of GET /images/{name}/history, newest first as the engine gives it. */
export function toImageHistory(entry: ImageHistory) {
  return {
    Id: entry.id === '' ? '<missing>' : entry.id,
    Created: entry.created,
    CreatedBy: entry.createdBy,
    Tags: entry.tags.length === 0 ? null : entry.tags,
    Size: entry.size,
    Comment: entry.comment,
  };
}

export type ImageHistoryEntry = ReturnType<typeof toImageHistory>;
