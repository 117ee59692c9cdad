import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..');
const FILES = new Map(
  globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: ROOT }).map((path) => [basename(path), path]),
);

interface Citation {
  readonly file: string;
  /** Undefined for the file as a whole. A name that ends in "…" is the beginning of one. */
  readonly name?: string;
}

/** Cells of a table's row; `\|` is no border. */
const cellsOf = (line: string): string[] =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());

/** Short names of test files, as in: *run* is `test/integration/build-run.integration.test.ts`. */
function shortNames(text: string): Map<string, string> {
  return new Map([...text.matchAll(/\*(\w+)\*\s+is\s+`([^`]+)`/g)].map(([, name = '', path = '']) => [name, path]));
}

/** What a cell cites: a file in backquotes or a short name, then names of its tests in quotes. */
function citationsOf(cell: string, short: ReadonlyMap<string, string>): Citation[] {
  const found: Citation[] = [];
  let file: string | undefined;
  for (const [, path, alias, name] of cell.matchAll(/`([^`]+)`|(\w+):|"([^"]*)"/g)) {
    if (path !== undefined && !path.endsWith('.test.ts')) continue;
    if (path !== undefined || (alias !== undefined && short.has(alias))) {
      file = basename(path ?? short.get(alias ?? '') ?? '');
      found.push({ file });
    } else if (name !== undefined) found.push({ file: file ?? '', name });
  }
  return found;
}

/** Every citation of a document's tables whose last column is "test", with its line. */
function citationsIn(text: string): { line: number; cell: string; citations: Citation[] }[] {
  const short = shortNames(text);
  let inTable = false;
  return text.split('\n').flatMap((line, at) => {
    if (!line.startsWith('|')) inTable = false;
    const cell = cellsOf(line).at(-1) ?? '';
    if (cell === 'test') inTable = true;
    else if (inTable && !/^-+$/.test(cell)) return [{ line: at + 1, cell, citations: citationsOf(cell, short) }];
    return [];
  });
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const unquote = (text: string): string => text.replace(/\\(.)/g, '$1');

/** Names of the tests a file has: literal ones, and templates as patterns whose inserted parts must be literals of the file or of its data. */
function hasTest(source: string, name: string): boolean {
  const isPrefix = name.endsWith('…');
  const end = isPrefix ? '' : '$';
  const wanted = new RegExp(`^${escape(name.replace(/…$/, ''))}${end}`);
  for (const [, , literal = ''] of source.matchAll(/\b(?:test|it|describe|suite)\(\s*(['"])((?:\\.|(?!\1).)*)\1/g))
    if (wanted.test(unquote(literal))) return true;
  for (const [, template = ''] of source.matchAll(/\b(?:test|it|describe|suite)\(\s*`((?:\\.|[^`])*)`/g)) {
    const parts = template.split(/\$\{[^}]*\}/);
    if (isPrefix && wanted.test(parts[0] ?? '')) return true;
    const inserted = new RegExp(`^${parts.map((part) => escape(unquote(part))).join('(.+)')}${end}`).exec(name);
    if (inserted?.slice(1).every((value) => source.includes(value.replace(/…$/, ''))) === true) return true;
  }
  return false;
}

for (const document of ['build.md', 'dockerfile.md'])
  test(`every test that docs/${document} names exists`, () => {
    const problems: string[] = [];
    const rows = citationsIn(readFileSync(join(ROOT, 'docs', document), 'utf8'));
    assert.ok(rows.length > 40, `${rows.length} rows`);
    for (const { line, cell, citations } of rows) {
      if (citations.length === 0) problems.push(`${line}: names no test: ${cell}`);
      for (const { file, name } of citations) {
        const path = FILES.get(file);
        if (path === undefined) problems.push(`${line}: no such file: ${file || cell}`);
        else if (name !== undefined && !hasTest(readFileSync(join(ROOT, path), 'utf8'), name))
          problems.push(`${line}: ${file} has no test "${name}"`);
      }
    }
    assert.deepEqual(problems, []);
  });
