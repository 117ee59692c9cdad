import { LadingError } from '../errors/index.ts';
import type { Platform } from '../oci/index.ts';
import { factsOf } from './base-facts.ts';
import {
  checkOptionsOf,
  lintDockerfile,
  type BaseFacts,
  type CheckWarning,
  type Dockerfile,
  type Stage,
} from '../dockerfile/index.ts';
import type { BuildContext } from './context/build-context.ts';
import type { BuildArgs } from './plan/build-args.ts';
import type { Progress } from './progress.ts';
import type { BuildSession } from './session.ts';

export interface ChecksOptions {
  readonly dockerfile: Dockerfile;
  readonly args: BuildArgs;
  readonly platform: Platform;
  readonly context: Pick<BuildContext, 'ignore'>;
  /** Stages to look into. */
  readonly stages: readonly Stage[];
  base(image: string, platform: string | undefined): BaseFacts | undefined;
}

/** The build checks with what a build knows. @throws invalid_argument for an invalid `# check=` directive */
export function runChecks({ dockerfile, args, platform, context, stages, base }: ChecksOptions): CheckWarning[] {
  return lintDockerfile(dockerfile, {
    predefined: args.predefined,
    given: args.given,
    target: platform,
    stages,
    base,
    ...(context.ignore ? { ignore: context.ignore } : {}),
  });
}

/**
 * The checks of a build that runs: with `error=true` before its steps, which then do not run; otherwise beside them, reported when
 * the stages have ended and all base images are known.
 */
export class BuildChecks {
  readonly #session: BuildSession;
  readonly #stages: readonly Stage[];
  readonly #progress: Progress;

  constructor(session: BuildSession, stages: readonly Stage[], progress: Progress) {
    this.#session = session;
    // What takes the place of a stage is not made of its instructions.
    this.#stages = stages.filter((stage) => !session.o.graph.isReplaced(stage));
    this.#progress = progress;
  }

  /** @throws invalid_argument when a check that must not fail does, or the directive is invalid */
  async before(): Promise<void> {
    const { dockerfile, args } = this.#session.o;
    if (!checkOptionsOf(dockerfile, args.given).error) return;
    await this.#findBases();
    const warnings = this.report();
    if (warnings.length === 0) return;
    const rules = [...new Set(warnings.map(({ rule }) => rule))];
    throw new LadingError('invalid_argument', `lint violation found for rules: ${rules.join(', ')}`, {
      hint: 'the Dockerfile asks for it with "# check=error=true"',
    });
  }

  /** Reports what is found, unless before() did. */
  after(): void {
    const { dockerfile, args } = this.#session.o;
    if (!checkOptionsOf(dockerfile, args.given).error) this.report();
  }

  report(): CheckWarning[] {
    const { dockerfile, args, platform, context } = this.#session.o;
    const base = (image: string, wanted: string | undefined): BaseFacts | undefined => {
      const found = this.#session.knownBase(image, wanted);
      return found && factsOf(found.config);
    };
    const warnings = runChecks({ dockerfile, args, platform, context, stages: this.#stages, base });
    this.#progress.warnAll(warnings, dockerfile);
    return warnings;
  }

  async #findBases(): Promise<void> {
    const sources = this.#stages.map((stage) => this.#session.o.graph.baseOf(stage));
    await Promise.all(
      sources.map((source) =>
        source.kind === 'image' ? this.#session.base(source.reference, source.platform) : undefined,
      ),
    );
  }
}
