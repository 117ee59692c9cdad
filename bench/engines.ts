import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** A docker-shaped command line under test. */
export interface BenchEngine {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Verbs it has not. */
  readonly lacks: readonly string[];
  /** Files with the pids of its own long-running processes, for memory. */
  readonly pidFile?: string;
}

function answers(engine: BenchEngine): boolean {
  return call(engine, ['images', '-q']).status === 0;
}

/** One unmeasured call. */
export function call(
  engine: BenchEngine,
  args: readonly string[],
): { status: number | null; stdout: string; stderr: string } {
  const [program = '', ...first] = engine.command;
  const result = spawnSync(program, [...first, ...args], {
    env: { ...process.env, ...engine.env },
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return { status: result.status, stdout: result.stdout ?? '', stderr: result.stderr ?? '' };
}

/**
 * The engines found here: lading; dockerd at $DOCKER_HOST or its usual socket, and at each socket named in
 * $LADING_BENCH_DOCKER (name=path,…); podman and buildah when installed, or as $LADING_BENCH_PODMAN, $LADING_BENCH_BUILDAH say.
 */
export function findEngines(lading: BenchEngine): BenchEngine[] {
  const named = (process.env['LADING_BENCH_DOCKER'] ?? '').split(',').filter((entry) => entry !== '');
  const usual =
    process.env['DOCKER_HOST'] ?? (existsSync('/var/run/docker.sock') ? 'unix:///var/run/docker.sock' : undefined);
  const dockers = [
    ...(usual === undefined ? [] : [docker('docker', usual)]),
    ...named.map((entry) =>
      docker(entry.slice(0, entry.indexOf('=')), `unix://${entry.slice(entry.indexOf('=') + 1)}`),
    ),
  ];
  const podman = process.env['LADING_BENCH_PODMAN']?.split(' ') ?? ['podman'];
  const buildah = process.env['LADING_BENCH_BUILDAH']?.split(' ') ?? ['buildah'];
  const candidates: BenchEngine[] = [
    ...dockers,
    { name: 'podman', command: podman, env: {}, lacks: ['export'] },
    { name: 'buildah', command: buildah, env: {}, lacks: ['run', 'load', 'save', 'exec', 'ps', 'export'] },
  ];
  return [lading, ...candidates.filter(answers)];
}

function docker(name: string, host: string): BenchEngine {
  const program = process.env['LADING_BENCH_DOCKER_CLI'] ?? 'docker';
  return { name, command: [program], env: { DOCKER_HOST: host, DOCKER_BUILDKIT: '1' }, lacks: [] };
}
