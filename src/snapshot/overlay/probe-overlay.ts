import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LadingError, messageOf } from '../../errors/index.ts';
import { mountSnapshot, unmountSnapshot } from '../mount-snapshot.ts';

/** Mounts a small overlay below `root` to see whether it works there. @throws unavailable */
export async function probeOverlay(root: string): Promise<void> {
  const folder = await mkdtemp(join(root, 'probe-'));
  const [lower, upperDir, workDir, target] = ['lower', 'upper', 'work', 'target'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  try {
    for (const path of [lower, upperDir, workDir, target]) await mkdir(path);
    mountSnapshot(
      { type: 'overlay', source: 'overlay', readonly: false, lowerDirs: [lower], upperDir, workDir },
      target,
    );
    unmountSnapshot(target);
  } catch (error) {
    throw new LadingError('unavailable', `open snapshots "${root}": overlay does not work there: ${messageOf(error)}`, {
      cause: error,
      hint: 'run as root, with a data root on ext4, xfs, btrfs or tmpfs that is not itself an overlay',
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
