import { refuseEntry } from '../entry-name.ts';

/** Layer tar files mark deletions by names (image-spec layer.md, "Whiteouts"). */
export const WHITEOUT_PREFIX = '.wh.';
/** Names AUFS kept for itself; only the opaque marker below means something. */
export const WHITEOUT_META_PREFIX = '.wh..wh.';
export const OPAQUE_MARKER = '.wh..wh..opq';

export type Whiteout =
  | { readonly kind: 'none' | 'ignored' }
  | { readonly kind: 'opaque'; readonly folder: string }
  | { readonly kind: 'remove'; readonly folder: string; readonly name: string };

const NONE: Whiteout = { kind: 'none' };
const IGNORED: Whiteout = { kind: 'ignored' };

/**
 * What a clean entry path says about deletions. Paths that lead through a whiteout and AUFS's own names are ignored, as Docker does.
 * @throws invalid_argument for a whiteout of nothing, of `.` or of `..`
 */
export function whiteoutOf(path: string): Whiteout {
  if (!path.includes(WHITEOUT_PREFIX)) return NONE;
  const parts = path.split('/');
  for (const part of parts)
    if (part.startsWith(WHITEOUT_PREFIX) && ['', '.', '..'].includes(part.slice(WHITEOUT_PREFIX.length)))
      refuseEntry(path, 'it is a whiteout without a name');
  const base = parts.pop()!;
  if (parts.some((part) => part.startsWith(WHITEOUT_PREFIX))) return IGNORED;
  const folder = parts.join('/');
  if (base === OPAQUE_MARKER) return { kind: 'opaque', folder };
  if (base.startsWith(WHITEOUT_META_PREFIX)) return IGNORED;
  if (!base.startsWith(WHITEOUT_PREFIX)) return NONE;
  return { kind: 'remove', folder, name: base.slice(WHITEOUT_PREFIX.length) };
}
