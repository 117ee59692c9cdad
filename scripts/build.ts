// Bundles the sources into dist/: run by `npm run build`.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build, type BuildOptions } from 'esbuild';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
/** Built beside and swapped in whole: a failed build leaves the old one standing. */
const staging = join(root, `dist.${process.pid}`);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

/** Names of the files in dist and what they start from; parts that do not exist yet are left out. */
const PROGRAMS: Readonly<Record<string, string>> = {
  lading: 'src/cli/entry.ts',
  ladingd: 'src/daemon/main.ts',
  'archive-worker': 'src/archive/worker.ts',
};

/** The package's doors for programs; see `exports` in package.json. They share their code in chunks. */
const LIBRARY: Readonly<Record<string, string>> = {
  build: 'src/build/index.ts',
  client: 'src/client/index.ts',
  engine: 'src/engine/index.ts',
  registry: 'src/registry/index.ts',
  'build-program': 'src/build/run-program.ts',
};

const common: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22.15',
  external: ['koffi'],
  logLevel: 'warning',
  define: {
    'process.env.LADING_VERSION': JSON.stringify(version),
    'process.env.LADING_COMMIT': JSON.stringify(commit()),
    'process.env.LADING_BUILD_TIME': JSON.stringify(new Date().toISOString()),
  },
};

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim();
  } catch {
    return 'unknown';
  }
}

const started = performance.now();
// Names as arguments build only those programs, over what is there.
const wanted = process.argv.slice(2);
const names = wanted.length === 0 ? await replaceAll() : await buildPrograms(dist, wanted);
console.log(`dist: ${names.join(', ')} in ${Math.round(performance.now() - started)} ms`);

async function replaceAll(): Promise<string[]> {
  try {
    const [built] = await Promise.all([buildPrograms(staging, Object.keys(PROGRAMS)), buildLibrary(staging)]);
    rmSync(dist, { recursive: true, force: true });
    renameSync(staging, dist);
    return [...built, ...Object.keys(LIBRARY)];
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

async function buildPrograms(outdir: string, selected: readonly string[]): Promise<string[]> {
  const existing = selected.filter((name) => existsSync(join(root, PROGRAMS[name] ?? '')));
  await Promise.all(
    existing.map((name) =>
      build({
        ...common,
        outdir,
        entryPoints: { [name]: PROGRAMS[name] ?? '' },
        // The command line is split so that a verb loads its own code only.
        ...(name === 'lading' ? { splitting: true, chunkNames: 'chunk/[name]-[hash]' } : {}),
      }),
    ),
  );
  return existing;
}

/** Chunks lie beside the doors: what finds files of dist/ by its own place (archive workers) finds them from any chunk. */
async function buildLibrary(outdir: string): Promise<void> {
  await build({ ...common, outdir, entryPoints: LIBRARY, splitting: true, chunkNames: 'library-[hash]' });
}
