import { Problem } from '../dockerfile-error.ts';
import { parseGoBoolean } from '../instructions/go-values.ts';
import { cut, trimSpace } from '../text.ts';
import { isExperimental, type CheckName } from './rules.ts';

/** What `# check=skip=A,B;error=true;experimental=all` asks for. */
export interface CheckOptions {
  readonly skip: 'all' | ReadonlySet<string>;
  /** Experimental checks to run. */
  readonly experimental: 'all' | ReadonlySet<string>;
  /** A warning fails the build. */
  readonly error: boolean;
}

const DEFAULT_CHECKS: CheckOptions = { skip: new Set(), experimental: new Set(), error: false };

/** Reads the value of the directive or of the build argument BUILDKIT_DOCKERFILE_CHECK. Unknown check names are no error, as with Docker. @throws Problem */
export function parseCheckOptions(text: string): CheckOptions {
  const options: { -readonly [K in keyof CheckOptions]: CheckOptions[K] } = { ...DEFAULT_CHECKS };
  if (trimSpace(text) === '') return options;
  for (const part of splitAtMost(text, 3)) {
    const { before, after } = cut(part, '=');
    const key = trimSpace(before);
    if (after === undefined) throw new Problem(`invalid check option ${JSON.stringify(part)}`, part);
    if (key === 'skip' || key === 'experimental') options[key] = names(after);
    else if (key === 'error') options.error = boolean(trimSpace(after), part);
    else throw new Problem(`invalid check option ${JSON.stringify(key)}`, key);
  }
  return options;
}

/** Options of a file with those of a comment above an instruction, `# check=skip=A`, added. */
export function withCommentOptions(options: CheckOptions, comments: readonly string[]): CheckOptions {
  for (const comment of comments) {
    const value = /^check\s*=\s*(\S+)/i.exec(comment)?.[1];
    if (value === undefined) continue;
    const own = tryOptions(value);
    if (!own) return options;
    return {
      error: options.error,
      skip: union(options.skip, own.skip),
      experimental: union(options.experimental, own.experimental),
    };
  }
  return options;
}

/** Whether a check is wanted. */
export function isWanted(name: CheckName, { skip, experimental }: CheckOptions): boolean {
  if (isExperimental(name)) return experimental === 'all' || experimental.has(name);
  return skip !== 'all' && !skip.has(name);
}

function names(text: string): CheckOptions['skip'] {
  return trimSpace(text) === 'all' ? 'all' : new Set(text.split(',').map(trimSpace));
}

function boolean(text: string, part: string): boolean {
  const value = parseGoBoolean(text);
  if (value === undefined)
    throw new Problem(
      `failed to parse check option ${JSON.stringify(part)}: strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`,
      part,
    );
  return value;
}

/** The last piece keeps its separators, as Go's strings.SplitN. */
function splitAtMost(text: string, count: number): string[] {
  const pieces = trimSpace(text).split(';');
  return pieces.length <= count ? pieces : [...pieces.slice(0, count - 1), pieces.slice(count - 1).join(';')];
}

function tryOptions(text: string): CheckOptions | undefined {
  try {
    return parseCheckOptions(text);
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}

function union(a: CheckOptions['skip'], b: CheckOptions['skip']): CheckOptions['skip'] {
  return a === 'all' || b === 'all' ? 'all' : new Set([...a, ...b]);
}
