import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

/** The layers of ARCHITECTURE.md: a folder may import what is listed for it, and nothing else. */
const BASE = ['errors', 'base', 'sys'];
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  base: ['errors'],
  sys: ['errors'],
  oci: ['errors'],
  dockerfile: ['errors', 'base', 'oci'],
  metadata: BASE,
  content: [...BASE, 'oci'],
  archive: [...BASE, 'oci'],
  snapshot: [...BASE, 'oci', 'metadata', 'content', 'archive'],
  gc: [...BASE, 'oci', 'content', 'snapshot', 'metadata'],
  image: [...BASE, 'oci', 'content', 'metadata', 'archive', 'snapshot'],
  distribution: [...BASE, 'oci', 'content'],
  registry: [...BASE, 'oci', 'content'],
  runtime: [...BASE, 'oci', 'snapshot'],
  network: [...BASE, 'oci', 'metadata'],
  volume: [...BASE, 'metadata'],
  builder: [
    ...BASE,
    'oci',
    'dockerfile',
    'content',
    'metadata',
    'archive',
    'snapshot',
    'image',
    'runtime',
    'distribution',
    'gc',
  ],
  engine: [
    ...BASE,
    'oci',
    'dockerfile',
    'content',
    'metadata',
    'archive',
    'snapshot',
    'gc',
    'image',
    'distribution',
    'runtime',
    'network',
    'volume',
    'builder',
  ],
  api: [...BASE, 'oci', 'engine', 'runtime'],
  build: [...BASE, 'oci', 'dockerfile', 'builder', 'distribution', 'engine', 'client'],
  daemon: [...BASE, 'api', 'engine'],
  client: ['errors', 'base', 'oci', 'api', 'archive'],
  cli: ['errors', 'base', 'oci', 'archive', 'client', 'distribution', 'registry', 'dockerfile'],
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly where: string;
  /** Path inside the target folder, when it is another folder's. */
  readonly inside: string;
}

function importsOf(file: string): Import[] {
  const source = readFileSync(file, 'utf8');
  const from = file.split('/')[1] ?? '';
  const found: Import[] = [];
  for (const match of source.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)) {
    const target = relative('.', join(dirname(file), match[1] ?? ''));
    const [root, to = '', ...rest] = target.split('/');
    if (root === 'src' && to !== from)
      found.push({ from, to, where: `${file} imports ${match[1]}`, inside: rest.join('/') });
  }
  return found;
}

const files = globSync('src/**/*.ts').filter((file) => !file.endsWith('.test.ts'));

test('every folder below src is in the table of layers', () => {
  const folders = new Set(files.map((file) => file.split('/')[1] ?? ''));
  assert.deepEqual(
    [...folders].filter((folder) => !(folder in ALLOWED)),
    [],
  );
});

test('imports point downward only', () => {
  const wrong = files.flatMap(importsOf).filter(({ from, to }) => !(ALLOWED[from] ?? []).includes(to));
  assert.deepEqual(
    wrong.map(({ where }) => where),
    [],
  );
});

test('a folder is entered through its door, index.ts', () => {
  const doors = ['index.ts', 'version.ts', 'credentials/index.ts', 'types/index.ts', 'files/index.ts'];
  const wrong = files.flatMap(importsOf).filter(({ inside }) => !doors.includes(inside));
  assert.deepEqual(
    wrong.map(({ where }) => where),
    [],
  );
});
