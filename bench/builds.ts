import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { call, type BenchEngine } from './engines.ts';
import { BUSYBOX, makeTree, type Fixtures } from './fixtures.ts';
import type { Workload } from './workload.ts';

const names = ['twelve', 'parallel', 'longest', 'wide', 'big', 'huge'] as const;
type Name = (typeof names)[number];
const tagOf = (name: Name): string => `bench.test/${name}`;

/** Images the builds make. */
export const BUILT: readonly string[] = names.map(tagOf);

const STAGES = [0, 1, 2, 3];
/** Four independent stages that wait and compute a little, the last one longest. */
const PARALLEL = `${STAGES.map(
  (n) => `FROM ${BUSYBOX} AS s${n}
RUN sleep ${1 + n * 0.2}; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo ${n} > /out${n}
`,
).join('')}FROM ${BUSYBOX}
${STAGES.map((n) => `COPY --from=s${n} /out${n} /`).join('\n')}
`;

/** Contexts made once, below `folder`. */
function contexts(folder: string): Record<'parallel' | 'wide' | 'big' | 'huge', string> {
  const paths = {
    parallel: join(folder, 'parallel'),
    wide: join(folder, 'wide'),
    big: join(folder, 'big'),
    huge: join(folder, 'huge'),
  };
  if (existsSync(join(paths.huge, 'Dockerfile'))) return paths;
  for (const path of Object.values(paths)) mkdirSync(path, { recursive: true });
  writeFileSync(join(paths.parallel, 'Dockerfile'), PARALLEL);
  makeTree(join(paths.wide, 'tree'), 20_000);
  writeFileSync(join(paths.wide, 'Dockerfile'), `FROM ${BUSYBOX}\nCOPY . /srv\n`);
  const half = Array.from({ length: 16 }, () => randomBytes(32 << 20));
  for (let i = 0; i < 32; i++) writeFileSync(join(paths.big, `part${i}`), half[i % 16]!);
  writeFileSync(join(paths.big, 'Dockerfile'), `FROM ${BUSYBOX}\nCOPY part* /srv/\n`);
  const run = 'RUN dd if=/dev/urandom of=/file bs=1M count=2048 2> /dev/null';
  writeFileSync(join(paths.huge, 'Dockerfile'), `FROM ${BUSYBOX}\n${run}\n`);
  return paths;
}

/** The builds that issue 3 sets targets for. */
export function buildWorkloads(fixtures: Fixtures, folder: string): Workload[] {
  const paths = contexts(folder);
  const build = (engine: BenchEngine, name: Name, path: string, ...more: string[]): string[] => [
    'build',
    ...(engine.name === 'buildah' ? ['--layers'] : []),
    ...(['lading', 'buildah', 'podman'].includes(engine.name) ? [] : ['-q']),
    ...more,
    '-t',
    tagOf(name),
    path,
  ];
  const twelve = fixtures.buildContext;
  const changed = join(twelve, 'tree/d0/f0.js');
  return [
    {
      name: 'build of 12 steps without cache',
      verb: 'build',
      reps: 5,
      args: (engine) => build(engine, 'twelve', twelve, '--no-cache'),
    },
    { name: 'cached rebuild of 12 steps', verb: 'build', reps: 20, args: (engine) => build(engine, 'twelve', twelve) },
    {
      name: 'rebuild of 12 steps, one file changed',
      verb: 'build',
      reps: 10,
      prepare: (engine, repetition) => appendFileSync(changed, `${engine.name} ${repetition}\n`),
      args: (engine) => build(engine, 'twelve', twelve),
    },
    {
      name: 'four parallel stages of 1 to 1.6 s',
      verb: 'build',
      reps: 3,
      args: (engine) => build(engine, 'parallel', paths.parallel, '--no-cache'),
    },
    {
      name: 'the longest of them alone',
      verb: 'build',
      reps: 3,
      args: (engine) => build(engine, 'longest', paths.parallel, '--no-cache', '--target', 's3'),
    },
    {
      name: 'rebuild of an unchanged context of 20,000 files',
      verb: 'build',
      reps: 10,
      args: (engine) => build(engine, 'wide', paths.wide),
    },
    {
      // Docker's own engine has no other exporter of files than this and `local`.
      name: 'export of a built image of 1 GB (-o type=tar)',
      verb: 'export',
      reps: 3,
      prepare: (engine, repetition) => {
        rmSync(join(folder, `export-${engine.name}.tar`), { force: true });
        if (repetition < 0) call(engine, build(engine, 'big', paths.big));
      },
      args: (engine) =>
        build(engine, 'big', paths.big, '-o', `type=tar,dest=${join(folder, `export-${engine.name}.tar`)}`),
    },
    {
      name: 'save of it as an archive',
      verb: 'save',
      reps: 3,
      prepare: (engine) => rmSync(join(folder, `save-${engine.name}.tar`), { force: true }),
      args: (engine) => ['save', '-o', join(folder, `save-${engine.name}.tar`), tagOf('big')],
    },
  ];
}

/** Builds a layer of 2 GB and tells the most memory the daemon ever took. */
export function measureBigBuild(engine: BenchEngine, daemon: number, folder: string): void {
  const { status, stderr } = call(engine, ['build', '-t', tagOf('huge'), contexts(folder).huge]);
  if (status !== 0) throw new Error(`build of 2 GB: ${stderr.slice(-500)}`);
  const kb = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${daemon}/status`, 'utf8'))?.[1];
  console.log(`\nmost memory of the daemon up to the end of a build of 2 GB: ${Math.round(Number(kb ?? 0) / 1024)} MB`);
}
