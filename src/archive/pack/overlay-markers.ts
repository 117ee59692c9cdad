import { getXattr, listXattrs, type NativePath } from '../../sys/index.ts';
import { OPAQUE_XATTRS } from '../extract/layer-stack.ts';
import { nativePathAt } from '../extract/stat-at.ts';

const ELSEWHERE = /^(?:trusted|user)\.overlay\.(?:redirect|metacopy)$/;

/** What overlayfs says about an entry of an upper folder. `elsewhere`: its content is not (only) here. */
export function overlayMarkersAt(fd: number, base: string): OverlayMarkers {
  const path = nativePathAt(fd, base);
  return overlayMarkersOf(path, listXattrs(path));
}

export interface OverlayMarkers {
  readonly opaque: boolean;
  readonly elsewhere: boolean;
}

/** @param names all its extended attributes */
export function overlayMarkersOf(path: NativePath, names: readonly string[]): OverlayMarkers {
  if (names.length === 0) return NONE;
  return {
    opaque: OPAQUE_XATTRS.some((name) => names.includes(name) && getXattr(path, name)?.toString() === 'y'),
    elsewhere: names.some((name) => ELSEWHERE.test(name)),
  };
}

const NONE = { opaque: false, elsewhere: false };
