import type { ChainID } from '../../oci/index.ts';
import { missingOwner, resolveOwner } from '../copy/owner.ts';
import { Rootfs } from '../copy/rootfs.ts';
import type { BuildSession } from '../session.ts';
import type { LayerOperation } from '../solver.ts';

/** WORKDIR makes the folder, the user's own, when it is missing; else there is no layer. */
export function workdirOperation(
  session: BuildSession,
  text: string,
  parent: ChainID | undefined,
  path: string,
  user: string,
): LayerOperation {
  return {
    kind: 'workdir',
    text,
    parent,
    inputs: { path, ...(user === '' ? {} : { user }) },
    make: async ({ mount }) => {
      const mounted = await session.o.scratch.mounted(mount);
      try {
        const warn = (message: string): void => session.o.progress.warn(message);
        using rootfs = new Rootfs(mounted.path);
        rootfs.ensureFolder(rootfs.resolve(path), resolveOwner(rootfs, user, missingOwner(parent, warn)));
      } finally {
        await mounted.release();
      }
    },
  };
}
