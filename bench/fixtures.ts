import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const BUSYBOX = 'bench.test/busybox:latest';
export const MANY = 'bench.test/many:latest';

function tar(folder: string, file: string): void {
  const args = [
    '--sort=name',
    '--numeric-owner',
    '--owner=0',
    '--group=0',
    '--mtime=@1700000000',
    '-C',
    folder,
    '-cf',
    file,
    '.',
  ];
  const { status, stderr } = spawnSync('tar', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`tar: ${stderr}`);
}

/** busybox-static with its links: enough of a root file system for every workload. */
function makeBusybox(folder: string): void {
  for (const directory of ['bin', 'etc', 'tmp', 'root', 'proc', 'sys', 'dev'])
    mkdirSync(join(folder, directory), { recursive: true });
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path));
  if (busybox === undefined) throw new Error('busybox not found: install busybox-static');
  copyFileSync(busybox, join(folder, 'bin/busybox'));
  const { stdout } = spawnSync(busybox, ['--list'], { encoding: 'utf8' });
  for (const applet of stdout.trim().split('\n'))
    if (applet !== 'busybox') symlinkSync('busybox', join(folder, 'bin', applet));
  writeFileSync(join(folder, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(folder, 'etc/group'), 'root:x:0:\n');
}

/** `count` small files in folders of 100, always the same bytes. */
export function makeTree(folder: string, count: number): void {
  for (let i = 0; i < count; i++) {
    const directory = join(folder, `d${Math.floor(i / 100)}`);
    if (i % 100 === 0) mkdirSync(directory, { recursive: true });
    const line = createHash('sha1').update(String(i)).digest('hex');
    writeFileSync(join(directory, `f${i}.js`), `${line}\n`.repeat(1 + (i % 400)));
  }
}

/** A docker-archive with one layer a tar, made without any engine, so that all load the same bytes. */
function archive(folder: string, name: string, reference: string, layers: readonly string[]): string {
  const out = join(folder, `${name}.tar`);
  const stage = join(folder, `${name}.stage`);
  mkdirSync(stage, { recursive: true });
  const diffIds = layers.map((layer) => `sha256:${createHash('sha256').update(readFileSync(layer)).digest('hex')}`);
  const config = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    created: '2024-01-01T00:00:00Z',
    config: { Cmd: ['sh'], Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] },
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: layers.map(() => ({ created: '2024-01-01T00:00:00Z', created_by: 'bench' })),
  });
  const configName = `${createHash('sha256').update(config).digest('hex')}.json`;
  writeFileSync(join(stage, configName), config);
  layers.forEach((layer, i) => copyFileSync(layer, join(stage, `layer${i}.tar`)));
  const manifest = [{ Config: configName, RepoTags: [reference], Layers: layers.map((_, i) => `layer${i}.tar`) }];
  writeFileSync(join(stage, 'manifest.json'), JSON.stringify(manifest));
  tar(stage, out);
  rmSync(stage, { recursive: true });
  return out;
}

export interface Fixtures {
  readonly busyboxArchive: string;
  /** 40,000 files on top of busybox. */
  readonly manyArchive: string;
  /** Context of the 12-step Dockerfile: 2,000 files. */
  readonly buildContext: string;
}

const DOCKERFILE = `FROM ${BUSYBOX}
RUN echo one > /one
RUN echo two > /two
WORKDIR /srv
ENV MODE=bench
RUN mkdir -p /data/a /data/b
RUN i=0; while [ $i -lt 200 ]; do echo $i > /data/a/$i; i=$((i+1)); done
COPY tree /srv/tree
RUN find /srv/tree -type f | wc -l > /count
LABEL bench=yes
RUN echo three > /three
CMD ["cat", "/count"]
`;

/** Makes what the workloads need under `folder`, once. */
export function makeFixtures(folder: string): Fixtures {
  const fixtures = {
    busyboxArchive: join(folder, 'busybox.tar'),
    manyArchive: join(folder, 'many.tar'),
    buildContext: join(folder, 'context'),
  };
  if (existsSync(fixtures.manyArchive) && existsSync(join(fixtures.buildContext, 'Dockerfile'))) return fixtures;
  mkdirSync(folder, { recursive: true });
  const busybox = join(folder, 'busybox-root');
  makeBusybox(busybox);
  const layer = join(folder, 'busybox-layer.tar');
  tar(busybox, layer);
  archive(folder, 'busybox', BUSYBOX, [layer]);
  makeTree(join(folder, 'many-root/app'), 40_000);
  const many = join(folder, 'many-layer.tar');
  tar(join(folder, 'many-root'), many);
  rmSync(join(folder, 'many-root'), { recursive: true });
  makeTree(join(fixtures.buildContext, 'tree'), 2000);
  writeFileSync(join(fixtures.buildContext, 'Dockerfile'), DOCKERFILE);
  archive(folder, 'many', MANY, [layer, many]);
  return fixtures;
}
