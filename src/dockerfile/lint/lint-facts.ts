import type { Platform } from '../../oci/index.ts';
import type { IgnoreMatcher } from '../glob/ignore-matcher.ts';
import type { Stage } from '../parse-dockerfile.ts';

/** What is known of an image a stage begins with. */
export interface BaseFacts {
  readonly env: ReadonlyMap<string, string>;
  /** The image sets a shell of its own. */
  readonly shell: boolean;
  /** ONBUILD triggers. */
  readonly onbuild: readonly string[];
  readonly platform?: Platform;
}

/** What the checks may know besides the Dockerfile. What is not known is not complained about. */
export interface LintFacts {
  /** See predefinedArgs(). */
  readonly predefined: ReadonlyMap<string, string>;
  /** Build arguments. */
  readonly given: ReadonlyMap<string, string>;
  readonly target: Platform;
  /** Stages to look into, by default all. A stage's base stage must be among them. */
  readonly stages?: readonly Stage[];
  /** Rules of the context's ignore file. */
  readonly ignore?: IgnoreMatcher;
  /** An image by the name in FROM, expanded; undefined when it is not known. */
  base?(image: string, platform: string | undefined): BaseFacts | undefined;
}
