/** The version of this build; package.json's, written in by the bundler. */
export const VERSION: string = process.env.LADING_VERSION ?? '0.1.0';
/** The commit it was built from, or "unknown". */
export const COMMIT: string = process.env.LADING_COMMIT ?? 'unknown';
export const BUILD_TIME: string = process.env.LADING_BUILD_TIME ?? 'unknown';
