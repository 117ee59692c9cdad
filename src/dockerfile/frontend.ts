import { LadingError } from '../errors/index.ts';
import { parseReference } from '../oci/index.ts';
import { DockerfileError, findCaret, type SourceFile } from './dockerfile-error.ts';

/** The images of the frontend that is built in, of whatever version. */
const BUILT_IN = ['docker/dockerfile', 'docker/dockerfile-upstream'];
const COMMENTS = [/^#\s*/, /^\/\/\s*/];
const DIRECTIVE = /^([a-z][a-z0-9]*)\s*=\s*(\S+)/i;
const KNOWN = ['syntax', 'escape', 'check'];

/**
 * A `# syntax=` line names a program that would read the file in BuildKit. Docker's own is built in here; others cannot be run.
 * @param override the build argument BUILDKIT_SYNTAX, which wins over the file
 * @throws DockerfileError for another frontend
 */
export function requireBuiltInFrontend(file: SourceFile, override: string | undefined): void {
  const asked =
    override === undefined || override.trim() === ''
      ? syntaxOf(file.source)
      : { image: override.trim().split(' ')[0] ?? '' };
  if (!asked || isBuiltIn(asked.image)) return;
  const reason = `frontend image ${JSON.stringify(asked.image)} is not supported: only the Dockerfile frontend, which is built in, can be used`;
  const from = 'line' in asked ? 'the line "syntax=…"' : 'the build argument BUILDKIT_SYNTAX';
  const hint = `remove ${from}, or name docker/dockerfile:1`;
  if (!('line' in asked)) throw new DockerfileError(reason, file, { hint });
  const location = { startLine: asked.line, endLine: asked.line };
  const caret = findCaret(asked.image, file.source, location);
  throw new DockerfileError(reason, file, { location, hint, ...(caret ? { caret } : {}) });
}

/** As BuildKit finds it: behind a "#!" line, in comments of "#" or "//", or in a JSON document. */
function syntaxOf(source: string): { image: string; line: number } | undefined {
  const lines = source.split('\n', 50);
  const first = lines[0]?.startsWith('#!') ? 1 : 0;
  for (const comment of COMMENTS) {
    for (const [index, line] of lines.slice(first).entries()) {
      const mark = comment.exec(line);
      const directive = mark && DIRECTIVE.exec(line.slice(mark[0].length));
      const name = directive?.[1]?.toLowerCase() ?? '';
      if (!KNOWN.includes(name)) break;
      if (name === 'syntax') return { image: directive?.[2] ?? '', line: first + index + 1 };
    }
  }
  return /^\s*\{/.test(source) ? jsonSyntax(source, first + 1) : undefined;
}

function jsonSyntax(source: string, line: number): { image: string; line: number } | undefined {
  try {
    const document: unknown = JSON.parse(source);
    const image = (document as { syntax?: unknown } | null)?.syntax;
    return typeof image === 'string' ? { image, line } : undefined;
  } catch {
    return undefined;
  }
}

function isBuiltIn(image: string): boolean {
  try {
    const { domain, path } = parseReference(image);
    return domain === 'docker.io' && BUILT_IN.includes(path);
  } catch (error) {
    if (error instanceof LadingError) return false;
    throw error;
  }
}
