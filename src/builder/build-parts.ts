import type { Dockerfile } from '../dockerfile/index.ts';
import type { Reference } from '../oci/index.ts';
import type { BuildContext } from './context/build-context.ts';
import { NamedContexts } from './context/named-contexts.ts';
import { BuildExplainer } from './explain/build-explainer.ts';
import type { BuiltPlatform } from './export/export-build.ts';
import { Progress } from './progress.ts';
import { TravellingCache } from './remote-cache/travelling-cache.ts';
import { FileDigests } from './tree/file-digests.ts';
import type { BuilderDependencies, BuildEvent, BuildLease, BuildRequest, Drained } from './types.ts';

/** One attempt at a build. */
export interface Parts extends Run {
  readonly request: BuildRequest;
  readonly dockerfile: Dockerfile;
  readonly progress: Progress;
  readonly contexts: NamedContexts;
  readonly digests: FileDigests | undefined;
  readonly travel: TravellingCache;
  readonly abort: AbortController;
  readonly explainer: BuildExplainer;
  readonly resolveBase: BuilderDependencies['resolveBase'];
}

/** One build. */
export interface Run {
  readonly names: readonly Reference[];
  readonly lease: BuildLease;
  readonly context: BuildContext;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly onEvent: (event: BuildEvent) => void;
  readonly drained: Drained | undefined;
  /** Sees what was built before it is exported. */
  readonly inspect: ((built: readonly BuiltPlatform[]) => Promise<void>) | undefined;
  readonly signal: AbortSignal;
}
