// Bundles the sources into dist/: run by `npm run build`.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build, type BuildOptions } from 'esbuild';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

/** Names of the files in dist and what they start from; parts that do not exist yet are left out. */
const PROGRAMS: Readonly<Record<string, string>> = {
  ladingd: 'src/daemon/main.ts',
  'archive-worker': 'src/archive/worker.ts',
};

const common: BuildOptions = {
  absWorkingDir: root,
  outdir: dist,
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
rmSync(dist, { recursive: true, force: true });
// The command line is split so that a verb loads its own code only.
await build({
  ...common,
  entryPoints: { lading: 'src/cli/entry.ts' },
  splitting: true,
  chunkNames: 'chunk/[name]-[hash]',
});
const programs = Object.entries(PROGRAMS).filter(([, source]) => existsSync(join(root, source)));
await Promise.all(programs.map(([name, source]) => build({ ...common, entryPoints: { [name]: source } })));
console.log(
  `dist: lading${programs.map(([name]) => `, ${name}`).join('')} in ${Math.round(performance.now() - started)} ms`,
);
