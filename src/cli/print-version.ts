import { LADING_VERSION } from '../base/version.ts';

/** The commit of the build, written in by the bundler. */
export const COMMIT: string = process.env.LADING_COMMIT ?? 'unknown';
export const BUILD_TIME: string = process.env.LADING_BUILD_TIME ?? 'unknown';

/** `lading --version` */
export function printVersion(): number {
  process.stdout.write(`lading version ${LADING_VERSION}, build ${COMMIT.slice(0, 7)}\n`);
  return 0;
}
