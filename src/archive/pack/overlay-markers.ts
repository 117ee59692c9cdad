import { getXattr, listXattrs } from '../../sys/index.ts';
import { OPAQUE_XATTRS } from '../extract/layer-stack.ts';
import { nativePathAt } from '../extract/stat-at.ts';

const ELSEWHERE = /^(?:trusted|user)\.overlay\.(?:redirect|metacopy)$/;

/** What overlayfs says about an entry of an upper folder. `elsewhere`: its content is not (only) here. */
export function overlayMarkersAt(fd: number, base: string): { opaque: boolean; elsewhere: boolean } {
  const path = nativePathAt(fd, base);
  const names = listXattrs(path);
  if (names.length === 0) return NONE;
  return {
    opaque: OPAQUE_XATTRS.some((name) => names.includes(name) && getXattr(path, name)?.toString() === 'y'),
    elsewhere: names.some((name) => ELSEWHERE.test(name)),
  };
}

const NONE = { opaque: false, elsewhere: false };
