import { LadingError } from '../../errors/index.ts';
import type { Route } from './call.ts';

interface Compiled {
  readonly route: Route;
  readonly pattern: RegExp;
  readonly names: readonly string[];
}

export interface Matched {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** Finds the route for a method and a path without version prefix. */
export type Matcher = (method: string, path: string) => Matched | undefined;

const VERSION_PREFIX = /^\/v([0-9]{1,4}(?:\.[0-9]{1,4}){0,2})(\/.*)$/;

/** Splits "/v1.47/info" into its version and "/info". */
export function splitVersion(path: string): { version: string | undefined; path: string } {
  const match = VERSION_PREFIX.exec(path);
  return match === null ? { version: undefined, path } : { version: match[1], path: match[2] ?? '/' };
}

function compile(route: Route): Compiled {
  const names: string[] = [];
  const source = route.path.replace(/\{(\w+)(\.\.\.)?\}/g, (_text, name: string, rest: string | undefined) => {
    names.push(name);
    return rest === undefined ? '([^/]+)' : '(.+)';
  });
  return { route, names, pattern: new RegExp(`^${source}/?$`) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new LadingError('invalid_argument', `invalid path: "${text.slice(0, 200)}" is not percent-encoded correctly`);
  }
}

/** Compiles the table once; the first matching row wins. */
export function createMatcher(routes: readonly Route[]): Matcher {
  const compiled = routes.map(compile);
  return (method, path) => {
    for (const { route, pattern, names } of compiled) {
      if (route.method !== method) continue;
      const match = pattern.exec(path);
      if (match === null) continue;
      return { route, params: Object.fromEntries(names.map((name, index) => [name, decode(match[index + 1] ?? '')])) };
    }
    return undefined;
  };
}
