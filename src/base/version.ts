import manifest from '../../package.json' with { type: 'json' };

/** lading's own version. */
export const LADING_VERSION: string = manifest.version;
