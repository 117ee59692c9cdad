import { LadingError } from '../../errors/index.ts';
import { trimSpace } from '../text.ts';
import { cleanPath } from './clean-path.ts';
import { compileGlob, type Glob } from './glob.ts';

interface Rule {
  readonly pattern: string;
  readonly negated: boolean;
  readonly glob: Glob;
}

const MAX_PATTERNS = 10_000;
const MAX_REMEMBERED = 4096;

/**
 * The rules of a .dockerignore file (or of COPY --exclude). Later rules win, `!` re-includes, a rule that
 * matches a folder covers what is below it. Paths are relative to the context, with "/" and without a leading "/".
 */
export class IgnoreMatcher {
  readonly #rules: readonly Rule[];
  /** Per folder, which rules match it or a parent: as BuildKit does, a child inherits what its parent matched. */
  readonly #folders = new Map<string, readonly boolean[]>();

  private constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  /** @throws LadingError invalid_argument naming a pattern that cannot be understood */
  static parse(text: string): IgnoreMatcher {
    return IgnoreMatcher.of(readPatterns(text));
  }

  static of(patterns: readonly string[]): IgnoreMatcher {
    if (patterns.length > MAX_PATTERNS)
      throw new LadingError('invalid_argument', `too many ignore patterns: ${patterns.length}`);
    return new IgnoreMatcher(patterns.flatMap((pattern) => toRule(pattern) ?? []));
  }

  /** The rules as `of` takes them. */
  get patterns(): string[] {
    return this.#rules.map(({ pattern, negated }) => (negated ? `!${pattern}` : pattern));
  }

  /** Whether a rule re-includes what another left out. */
  get reincludes(): boolean {
    return this.#rules.some(({ negated }) => negated);
  }

  /** Whether a rule alone leaves out everything. */
  get ignoresEverything(): boolean {
    return this.#rules.some(({ pattern }) => pattern === '*' || pattern === '**' || pattern === '**/*');
  }

  /** Whether a file or folder is left out of the context. */
  ignores(path: string): boolean {
    const cleaned = cleanPath(path);
    if (cleaned === '.') return false;
    return ignoredBy(this.#rules, this.#matched(cleaned));
  }

  /** The pattern that has the last word on a path; undefined when none matches. */
  patternFor(path: string): string | undefined {
    return this.#rules[this.#matched(cleanPath(path)).lastIndexOf(true)]?.pattern;
  }

  /** Whether a walk has to look into a folder: false only when nothing below it can be included. */
  mayContainIncluded(dir: string): boolean {
    const cleaned = cleanPath(dir);
    if (!this.ignores(cleaned)) return true;
    return this.#rules.some((rule) => rule.negated && rule.glob.mayMatchWithPrefix(`${cleaned}/`));
  }

  #matched(path: string): readonly boolean[] {
    const known = this.#folders.get(path);
    if (known) return known;
    let matched: readonly boolean[] | undefined;
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1))
      matched = this.#matchFolder(path.slice(0, slash), matched);
    return evaluate(this.#rules, path, matched);
  }

  #matchFolder(folder: string, parent: readonly boolean[] | undefined): readonly boolean[] {
    const known = this.#folders.get(folder);
    if (known) return known;
    const matched = evaluate(this.#rules, folder, parent);
    if (this.#folders.size >= MAX_REMEMBERED) this.#folders.clear();
    this.#folders.set(folder, matched);
    return matched;
  }
}

/** Which rules hold for a path. A rule is only asked when it could change the verdict so far. */
function evaluate(rules: readonly Rule[], path: string, parent: readonly boolean[] | undefined): boolean[] {
  let ignored = false;
  return rules.map((rule, index) => {
    const match = parent?.[index] || (rule.negated === ignored && rule.glob.matches(path));
    if (match) ignored = !rule.negated;
    return match;
  });
}

function ignoredBy(rules: readonly Rule[], matched: readonly boolean[]): boolean {
  const last = matched.lastIndexOf(true);
  return last >= 0 && rules[last]?.negated === false;
}

function readPatterns(text: string): string[] {
  return text
    .replace(/^\ufeff/, '')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => trimSpace(line))
    .filter((line) => line !== '')
    .map(normalizePattern);
}

/** Cleans a pattern and drops its leading "/", behind the "!" if there is one. */
function normalizePattern(line: string): string {
  const negated = line.startsWith('!');
  const body = negated ? trimSpace(line.slice(1)) : line;
  if (body === '') return '!';
  const cleaned = cleanPath(body);
  const relative = cleaned.length > 1 && cleaned.startsWith('/') ? cleaned.slice(1) : cleaned;
  return negated ? `!${relative}` : relative;
}

function toRule(pattern: string): Rule | undefined {
  const trimmed = trimSpace(pattern);
  if (trimmed === '') return undefined;
  const cleaned = cleanPath(trimmed);
  if (cleaned === '!') throw new LadingError('invalid_argument', 'illegal exclusion pattern: "!"');
  const negated = cleaned.startsWith('!');
  const glob = ignoreGlob(negated ? cleaned.slice(1) : cleaned);
  return { pattern: cleaned, negated, glob };
}

/** A leading `**` without "/" matches the end of a name anywhere, as in patternmatcher: `**foo` matches "a/xfoo". */
function ignoreGlob(pattern: string): Glob {
  const suffix = pattern.slice(2);
  if (!pattern.startsWith('**') || suffix.startsWith('/') || /[*?[\]\\]/.test(suffix))
    return compileGlob(pattern, { doubleStar: true });
  return { matches: (path) => path.endsWith(suffix), mayMatchWithPrefix: () => true };
}
