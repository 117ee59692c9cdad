import type { SourceLocation } from '../dockerfile-error.ts';
import { withoutControls } from '../text.ts';
import { isWanted, withCommentOptions, type CheckOptions } from './check-options.ts';
import { CHECK_RULES, checkUrl, type CheckName } from './rules.ts';

/** What a build check found. */
export interface CheckWarning {
  readonly rule: CheckName;
  /** What is wrong here, one sentence. */
  readonly message: string;
  /** What the check is about. */
  readonly description: string;
  readonly url?: string;
  readonly location: SourceLocation;
}

/** A file that is wrong more often is wrong enough. */
const MAX_WARNINGS = 1000;

/** Collects what the checks find, and leaves out what the file or a comment above an instruction skips. */
export class CheckReport {
  readonly warnings: CheckWarning[] = [];
  readonly #options: CheckOptions;

  constructor(options: CheckOptions) {
    this.#options = options;
  }

  /** @param comments those above the instruction: `# check=skip=…` counts */
  add(rule: CheckName, location: SourceLocation, message: string, comments: readonly string[] = []): void {
    if (this.warnings.length >= MAX_WARNINGS || !isWanted(rule, withCommentOptions(this.#options, comments))) return;
    const url = checkUrl(rule);
    const { description } = CHECK_RULES[rule];
    this.warnings.push({
      rule,
      message: withoutControls(message),
      description,
      ...(url === undefined ? {} : { url }),
      location,
    });
  }
}
