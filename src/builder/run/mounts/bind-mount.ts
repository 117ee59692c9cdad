import { readFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import type { RunMount, Stage } from '../../../dockerfile/index.ts';
import type { ChainID, RunConfig } from '../../../oci/index.ts';
import { copyUnits } from '../../copy/copy-units.ts';
import { Rootfs } from '../../copy/rootfs.ts';
import { temporaryKey } from '../../scratch.ts';
import type { BuildSession, FileSource, Selection } from '../../session.ts';
import { bindMount, targetOf, type Opening, type StepMount } from './step-mount.ts';

const ROOT = { uid: 0, gid: 0 };

/** `--mount=type=bind`: files of the context, a stage or an image. What a step writes to a writable one is lost. */
export async function filesMount(
  session: BuildSession,
  stage: Stage,
  config: RunConfig,
  mount: RunMount,
): Promise<StepMount> {
  const target = targetOf(config, mount.target);
  const files: FileSource =
    mount.from === undefined || mount.from === ''
      ? { kind: 'context' }
      : await session.filesOf(session.o.graph.sourceOf(mount.from, stage));
  const selection: Selection = {
    sources: [escapePattern(mount.source || '/')],
    exclude: [],
    parents: false,
    keepOwner: files.kind === 'layers',
  };
  const { digest } = await session.digest(files, selection);
  return {
    key: ['bind', target, digest, mount.readOnly],
    target,
    open: async (opening) => {
      const source = await sourceOf(session, files, selection, mount.readOnly, opening);
      return { mounts: [bindMount(source, target, mount.readOnly)] };
    },
    hasChanged: () => session.hasChanged(files, selection),
  };
}

/** A host path with the files: the files themselves where the step may only read them, else throw-away layers or a copy. */
async function sourceOf(
  session: BuildSession,
  files: FileSource,
  selection: Selection,
  readOnly: boolean,
  { onRelease }: Opening,
): Promise<string> {
  const { tree, units } = await session.select(files, selection);
  const unit = units[0]!;
  // A step sees the context's files as root's, whoever owns them on this machine, and with an epoch not the times that a checkout left.
  const isRoots = unit.stat.uid === 0 && unit.stat.gid === 0;
  const path = tree.hostPath(unit.path);
  const asTheyAre = files.kind === 'layers' || (isRoots && session.o.epoch === undefined && !hasMounts(path));
  if (readOnly && !tree.hasRules && asTheyAre) return path;
  if (files.kind === 'layers' && files.chainId !== undefined) {
    const path = await throwAwayLayers(session, files.chainId, onRelease);
    return unit.path === '' ? path : `${path}/${unit.path}`;
  }
  const folder = await session.o.scratch.folder('files');
  onRelease(folder.release);
  await chmod(folder.path, 0o755);
  using rootfs = new Rootfs(folder.path);
  const options = { owner: ROOT, parentOwner: ROOT, special: false, time: session.o.epoch, signal: session.o.signal };
  await copyUnits(rootfs, '/', tree, [{ ...unit, name: 'source' }], options);
  return unit.stat.type === 'directory' ? folder.path : `${folder.path}/source`;
}

/** Whether something of this machine is mounted below a folder: read-only holds for the mount itself, not for those in it. */
export function hasMounts(folder: string): boolean {
  const below = folder.endsWith('/') ? folder : `${folder}/`;
  return readFileSync('/proc/self/mountinfo', 'latin1')
    .split('\n')
    .some((line) => unescaped(line.split(' ')[4] ?? '').startsWith(below));
}

/** Blanks and the like are octal there (proc_pid_mountinfo(5)). */
function unescaped(text: string): string {
  const bytes = text.replace(/\\([0-7]{3})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

async function throwAwayLayers(
  session: BuildSession,
  chainId: ChainID,
  onRelease: Opening['onRelease'],
): Promise<string> {
  const { snapshotter, scratch } = session.o;
  const key = temporaryKey();
  const mount = await snapshotter.prepare(key, chainId);
  onRelease(() => snapshotter.remove(key));
  const mounted = await scratch.mounted(mount);
  onRelease(mounted.release);
  return mounted.path;
}

/** A mount's source is a path, not a pattern. */
function escapePattern(path: string): string {
  return path.replace(/[*?[\\]/g, '\\$&');
}
