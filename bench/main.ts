/**
 * Measures lading beside every dockerd, podman and buildah found on this machine, paired: each repetition runs all engines one after
 * another, so that what else the machine does falls on all alike. Prints medians and ratios (below 1: lading takes less).
 *
 * npm run bench [-- --reps N] [--only WORKLOAD,…] [--keep]
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildWorkloads, BUILT, measureBigBuild } from './builds.ts';
import { call, findEngines, type BenchEngine } from './engines.ts';
import { BUSYBOX, MANY, makeFixtures, type Fixtures } from './fixtures.ts';
import type { Workload } from './workload.ts';

const FOLDER = process.env['LADING_BENCH_DATA'] ?? '/var/tmp/lading-bench-data';
const DATA_ROOT = join(FOLDER, 'store');
const EXEC_ROOT = join(FOLDER, 'run');
const HOST = `unix://${EXEC_ROOT}/lading.sock`;

function workloads(fixtures: Fixtures): Workload[] {
  return [
    { name: 'ps', verb: 'ps', reps: 10, args: () => ['ps'] },
    { name: 'run --rm IMAGE true', verb: 'run', reps: 15, args: () => ['run', '--rm', BUSYBOX, 'true'] },
    {
      name: 'run --rm --network none IMAGE true',
      verb: 'run',
      reps: 10,
      args: () => ['run', '--rm', '--network', 'none', BUSYBOX, 'true'],
    },
    ...buildWorkloads(fixtures, FOLDER),
    {
      name: 'load an image of 40,000 files',
      verb: 'load',
      reps: 10,
      prepare: (engine) => void call(engine, ['rmi', '-f', MANY]),
      args: () => ['load', '-i', fixtures.manyArchive],
    },
    {
      name: 'save it',
      verb: 'save',
      reps: 3,
      args: (engine) => ['save', '-o', join(FOLDER, `saved-${engine.name}.tar`), MANY],
    },
  ];
}

function timed(engine: BenchEngine, args: readonly string[]): number {
  const [program = '', ...first] = engine.command;
  const started = performance.now();
  const result = spawnSync(program, [...first, ...args], {
    env: { ...process.env, ...engine.env },
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const ms = performance.now() - started;
  if (result.status !== 0)
    throw new Error(`${engine.name} ${args.join(' ')}: status ${result.status}: ${result.stderr.slice(-500)}`);
  return ms;
}

function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

function measure(workload: Workload, engines: readonly BenchEngine[], reps: number): void {
  const able = engines.filter((engine) => !engine.lacks.includes(workload.verb));
  const samples = new Map<BenchEngine, number[]>(able.map((engine) => [engine, []]));
  for (let repetition = -1; repetition < reps; repetition++)
    for (const engine of able) {
      workload.prepare?.(engine, repetition);
      // What an earlier call left to be written or deleted belongs to it, not to this one.
      spawnSync('sync');
      const ms = timed(engine, workload.args(engine));
      if (repetition >= 0) samples.get(engine)?.push(ms);
    }
  report(workload.name, reps, samples);
}

function report(name: string, reps: number, samples: ReadonlyMap<BenchEngine, number[]>): void {
  const lading = [...samples].find(([engine]) => engine.name === 'lading')?.[1] ?? [];
  console.log(`\n${name} (n=${reps})`);
  for (const [engine, values] of samples) {
    const ratio =
      engine.name === 'lading' ? '' : `   lading takes ${(median(lading) / median(values)).toFixed(2)} of it`;
    console.log(
      `  ${engine.name.padEnd(12)} median ${median(values).toFixed(0).padStart(6)} ms   min ${Math.min(...values)
        .toFixed(0)
        .padStart(6)} ms${ratio}`,
    );
  }
}

/** Sum of the PSS of a process and its children, MB. */
function pssMb(pid: number): number {
  const kb = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
  return Number(kb ?? 0) / 1024;
}

function pidsNamed(name: string): number[] {
  const { stdout } = spawnSync('pgrep', ['-x', name], { encoding: 'utf8' });
  return stdout.split('\n').filter(Boolean).map(Number);
}

async function measureMemory(engine: BenchEngine, daemon: number): Promise<void> {
  await sleep(3000);
  console.log(`\nmemory of lading's daemon, idle after the work above: ${pssMb(daemon).toFixed(1)} MB PSS`);
  const before = pssMb(daemon) + sum(pidsNamed('conmon').map(pssMb));
  const containers = Array.from({ length: 10 }, () =>
    call(engine, ['run', '-d', BUSYBOX, 'sleep', '1000']).stdout.trim(),
  );
  await sleep(3000);
  const after = pssMb(daemon) + sum(pidsNamed('conmon').map(pssMb));
  console.log(
    `each running container beside its own process: ${((after - before) / containers.length).toFixed(2)} MB PSS (n=${containers.length})`,
  );
  call(engine, ['rm', '-f', ...containers]);
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function flag(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

async function startDaemon(engine: BenchEngine): Promise<number> {
  mkdirSync(EXEC_ROOT, { recursive: true });
  const pidfile = join(EXEC_ROOT, 'ladingd.pid');
  rmSync(pidfile, { force: true });
  spawn('bin/ladingd', ['--host', HOST, '--data-root', DATA_ROOT, '--exec-root', EXEC_ROOT, '--pidfile', pidfile], {
    stdio: 'ignore',
    detached: true,
  }).unref();
  for (let attempt = 0; attempt < 100; attempt++) {
    await sleep(100);
    if (call(engine, ['version']).status === 0) return Number(readFileSync(pidfile, 'utf8'));
  }
  throw new Error('ladingd did not start');
}

async function main(): Promise<void> {
  const fixtures = makeFixtures(join(FOLDER, 'fixtures'));
  const lading: BenchEngine = { name: 'lading', command: ['bin/lading'], env: { LADING_HOST: HOST }, lacks: [] };
  const daemon = await startDaemon(lading);
  try {
    const engines = findEngines(lading);
    console.log(`engines: ${engines.map((engine) => engine.name).join(', ')}`);
    if (engines.length === 1)
      console.log(
        'no other engine found: set DOCKER_HOST, LADING_BENCH_DOCKER=name=/path/to/socket, or install podman or buildah',
      );
    for (const engine of engines) {
      const load =
        engine.name === 'buildah'
          ? ['pull', `docker-archive:${fixtures.busyboxArchive}`]
          : ['load', '-i', fixtures.busyboxArchive];
      if (call(engine, load).status !== 0) throw new Error(`${engine.name} cannot load ${fixtures.busyboxArchive}`);
    }
    const only = flag('--only')?.split(',');
    for (const workload of workloads(fixtures))
      if (!only || only.some((part) => workload.name.includes(part)))
        measure(workload, engines, Number(flag('--reps') ?? workload.reps));
    if (!only) await measureMemory(lading, daemon);
    if (!only || only.includes('memory')) measureBigBuild(lading, daemon, FOLDER);
    for (const engine of engines) call(engine, ['rmi', '-f', MANY, ...BUILT, BUSYBOX]);
  } finally {
    process.kill(daemon, 'SIGTERM');
    if (!process.argv.includes('--keep')) {
      await sleep(1000);
      rmSync(FOLDER, { recursive: true, force: true });
    }
  }
}

await main();
