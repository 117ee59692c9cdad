// Writes the declaration files of the package's doors into types/: run by `npm run build:types`, and before `npm pack`.
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const staging = join(root, `types.${process.pid}`);
const DOORS = ['build', 'client', 'engine', 'registry'];

const started = performance.now();
try {
  emit();
  // tsc leaves ".ts" in import specifiers of declarations; consumers resolve ".js" to them.
  for (const file of globSync(join(staging, '**/*.d.ts'))) {
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace(/((?:from|import)\s*\(?\s*['"]\.{1,2}\/[^'"]*)\.ts(['"])/g, '$1.js$2'));
  }
  rmSync(join(root, 'types'), { recursive: true, force: true });
  renameSync(staging, join(root, 'types'));
} finally {
  rmSync(staging, { recursive: true, force: true });
}
console.log(`types: ${DOORS.join(', ')} in ${Math.round(performance.now() - started)} ms`);

function emit(): void {
  const project = `${staging}.json`;
  const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as {
    compilerOptions: object;
  };
  const options = { noEmit: false, declaration: true, emitDeclarationOnly: true, stripInternal: true };
  writeFileSync(
    project,
    JSON.stringify({
      compilerOptions: { ...compilerOptions, ...options, rootDir: join(root, 'src'), outDir: staging },
      files: DOORS.map((door) => join(root, 'src', door, 'index.ts')),
    }),
  );
  try {
    const { status } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', project], { stdio: 'inherit', cwd: root });
    if (status !== 0) process.exit(1);
  } finally {
    rmSync(project);
  }
}
