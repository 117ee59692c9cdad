import type { VolumeView } from '../../engine/index.ts';

export const ANONYMOUS_LABEL = 'com.docker.volume.anonymous';

function orNull(map: Readonly<Record<string, string>>): Readonly<Record<string, string>> | null {
  return Object.keys(map).length === 0 ? null : map;
}

/** One volume, in the list and in inspect. */
export function toVolume(view: VolumeView, usage?: { readonly size: number; readonly refCount: number }) {
  const labels = view.anonymous ? { [ANONYMOUS_LABEL]: '', ...view.labels } : view.labels;
  return {
    CreatedAt: view.createdAt,
    Driver: 'local',
    Labels: orNull(labels),
    Mountpoint: view.mountpoint,
    Name: view.name,
    Options: orNull(view.options),
    Scope: 'local',
    ...(usage === undefined ? {} : { UsageData: { Size: usage.size, RefCount: usage.refCount } }),
  };
}

export type Volume = ReturnType<typeof toVolume>;
