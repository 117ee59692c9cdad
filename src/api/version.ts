import { LadingError } from '../errors/index.ts';

/** Newest Engine API version served; sent as `Api-Version`. */
export const API_VERSION = '1.47';
/** Oldest Engine API version answered. */
export const MIN_API_VERSION = '1.24';

/** Negative, zero or positive, as `a` is older than, equal to or newer than `b` ("1.9" is older than "1.41"). */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether `version` is at least `wanted`. */
export function atLeast(version: string, wanted: string): boolean {
  return compareVersions(version, wanted) >= 0;
}

/** Refuses clients outside the served range, in Docker's words. @throws invalid_argument */
export function checkVersion(version: string): void {
  if (compareVersions(version, MIN_API_VERSION) < 0)
    throw new LadingError(
      'invalid_argument',
      `client version ${version} is too old. Minimum supported API version is ${MIN_API_VERSION}, please upgrade your client to a newer version`,
    );
  if (compareVersions(version, API_VERSION) > 0)
    throw new LadingError(
      'invalid_argument',
      `client version ${version} is too new. Maximum supported API version is ${API_VERSION}`,
    );
}
