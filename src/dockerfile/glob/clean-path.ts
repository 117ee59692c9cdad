import { posix } from 'node:path';

/** The shortest equivalent path, without a trailing slash; "" becomes "." (Go's path.Clean). */
export function cleanPath(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}
