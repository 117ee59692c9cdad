import type { BuildOptions, RunningBuild, StoreOptions } from './build-options.ts';
import type { Image } from './image.ts';
import type { Targets } from './program.ts';

/** An open store: several builds, one after the other or at once, without opening it for each. End the builds before it is closed. */
export interface Store extends AsyncDisposable {
  build(image: Image | Targets, options?: Omit<BuildOptions, keyof StoreOptions>): RunningBuild;
  close(): Promise<void>;
}

/** Opens the engine in this process, or connects to the daemon that has the store. The caller closes it. @throws permission_denied, unavailable */
export async function openStore(options: StoreOptions & { readonly signal?: AbortSignal } = {}): Promise<Store> {
  // The engine is loaded by those who build, not by those who describe.
  return (await import('./store.ts')).openStore(options);
}
