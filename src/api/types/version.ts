import type { SystemInfo } from '../../engine/index.ts';
import { hostPlatform } from '../../oci/index.ts';
import { API_VERSION, MIN_API_VERSION } from '../version.ts';

/** What the server knows about its own build. */
export interface About {
  readonly version: string;
  readonly gitCommit: string;
  readonly buildTime: string;
}

/** GET /version */
export function toVersion(info: SystemInfo, about: About) {
  const engine = {
    ApiVersion: API_VERSION,
    MinAPIVersion: MIN_API_VERSION,
    Os: 'linux',
    // Go's name of the processor here, the kernel's in `info`: as Docker has it.
    Arch: hostPlatform().architecture,
    KernelVersion: info.kernelVersion,
    GitCommit: about.gitCommit,
    BuildTime: about.buildTime,
  };
  return {
    Platform: { Name: 'lading' },
    Components: [
      {
        Name: 'Engine',
        Version: about.version,
        Details: { ...engine, GoVersion: `node ${process.version}`, Experimental: 'false' },
      },
      { Name: info.runtime.name, Version: info.runtime.version, Details: { Path: info.runtime.path } },
    ],
    Version: about.version,
    GoVersion: `node ${process.version}`,
    ...engine,
  };
}

export type Version = ReturnType<typeof toVersion>;
