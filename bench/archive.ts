/**
 * Measures applying, writing and compressing a layer beside GNU tar and gzip, interleaved. Prints wall and CPU seconds and ratios
 * (below 1: lading takes less; it also hashes, which tar does not). Nothing is deleted before the end: mass deletion slows ext4's creation down.
 *
 * node bench/archive.ts [--tar LAYER.tar] [--files N] [--reps N] [--dir SCRATCH]
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { applyLayer, compressLayer, writeLayerFromUpper } from '../src/archive/index.ts';

const { values } = parseArgs({
  options: {
    tar: { type: 'string' },
    files: { type: 'string', default: '40000' },
    reps: { type: 'string', default: '3' },
    dir: { type: 'string', default: '/var/tmp' },
  },
});
const reps = Number(values.reps);
const base = mkdtempSync(join(values.dir, 'lading-bench-archive-'));
let folders = 0;

interface Sample {
  readonly wall: number;
  readonly cpu: number;
}

function newFolder(): string {
  const path = join(base, `folder-${folders++}`);
  mkdirSync(path);
  return path;
}

async function measure(work: () => Promise<unknown>): Promise<Sample> {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
}

function shell(command: string): Sample {
  const { stderr, status } = spawnSync('bash', ['-c', `TIMEFORMAT='%R %U %S'; time ${command}`], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
  const [wall = 0, user = 0, system = 0] = stderr.trim().split('\n').at(-1)!.split(' ').map(Number);
  return { wall, cpu: user + system };
}

function best(samples: readonly Sample[]): Sample {
  return { wall: Math.min(...samples.map(({ wall }) => wall)), cpu: Math.min(...samples.map(({ cpu }) => cpu)) };
}

function print(name: string, ours: readonly Sample[], theirs: readonly Sample[], tool: string): void {
  const [a, b] = [best(ours), best(theirs)];
  const show = ({ wall, cpu }: Sample) => `${wall.toFixed(2)} s wall, ${cpu.toFixed(2)} s CPU`;
  const ratios = `${(a.wall / b.wall).toFixed(2)} wall, ${(a.cpu / b.cpu).toFixed(2)} CPU`;
  console.log(`${name}: lading ${show(a)} | ${tool} ${show(b)} | ratio ${ratios}`);
}

/** Small files in folders of 40, as in a tree of packages. */
function makeTree(count: number): string {
  const root = newFolder();
  const text = Buffer.alloc(64 * 1024, 'export const lading = (layers) => layers.map((layer) => layer.digest);\n');
  for (let index = 0; index < count; index++) {
    const folder = join(root, `package-${Math.floor(index / 400)}`, `lib-${Math.floor(index / 40) % 10}`);
    if (index % 40 === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, `file-${index}.js`),
      text.subarray(index % 1000, (index % 1000) + ((index * 7919) % 20_000)),
    );
  }
  return root;
}

try {
  const tar = values.tar ?? join(base, 'layer.tar');
  if (values.tar === undefined)
    spawnSync('tar', ['-C', makeTree(Number(values.files)), '--sort=name', '-cf', tar, '.']);
  const packed = join(base, 'layer.tar.gz');
  const { size } = await compressLayer(tar, { path: packed }, { kind: 'gzip' });
  console.log(`layer: ${tar}, ${(size / 1e6).toFixed(0)} MB as gzip; best of ${reps}`);
  const samples = { apply: [], untar: [], write: [], tar: [], compress: [], gzip: [] } as Record<string, Sample[]>;
  for (let rep = 0; rep < reps; rep++) {
    const [dir, other] = [newFolder(), newFolder()];
    samples['apply']!.push(await measure(() => applyLayer({ path: packed }, { dir, lowerDirs: [] })));
    samples['untar']!.push(shell(`tar -C ${other} -xzf ${packed}`));
    samples['write']!.push(await measure(() => writeLayerFromUpper(dir, { path: join(base, 'ours.tar') })));
    samples['tar']!.push(shell(`tar -C ${other} --sort=name -cf ${join(base, 'theirs.tar')} .`));
    samples['compress']!.push(
      await measure(() => compressLayer(tar, { path: join(base, 'ours.gz') }, { kind: 'gzip' })),
    );
    samples['gzip']!.push(shell(`gzip -c ${tar} > ${join(base, 'theirs.gz')}`));
  }
  print('apply gzip layer', samples['apply']!, samples['untar']!, 'tar -xzf');
  print('write layer', samples['write']!, samples['tar']!, 'tar -cf');
  print('compress gzip', samples['compress']!, samples['gzip']!, 'gzip');
  console.log(`peak RSS ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`);
} finally {
  rmSync(base, { recursive: true, force: true });
}
