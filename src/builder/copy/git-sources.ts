import type { AddInstruction, CopyInstruction } from '../../dockerfile/index.ts';
import { shownGitAddress } from '../../oci/index.ts';
import type { GitSource } from '../git/repositories.ts';
import type { BuildSession } from '../session.ts';
import { FileTree } from '../tree/file-tree.ts';
import { sourceKind } from './add-sources.ts';
import { copyUnits, type CopyOptions } from './copy-units.ts';
import type { Rootfs } from './rootfs.ts';

/** The repositories an ADD names, each at the commit it is now. @throws invalid_argument, unavailable, deadline_exceeded */
export async function gitSources(
  session: BuildSession,
  instruction: AddInstruction | CopyInstruction,
): Promise<GitSource[]> {
  if (instruction.kind === 'copy') return [];
  const { checksum, keepGitDir } = instruction;
  const found: GitSource[] = [];
  for (const address of instruction.sources.filter((source) => sourceKind(source) === 'git')) {
    const source = await session.o.repositories.resolve(address, { ...session.gitAccess, checksum, keepGitDir });
    session.materials.add(gitMaterial(source));
    found.push(source);
  }
  return found;
}

/** Copies the files of a commit: of its root or subfolder the contents. */
export async function copyRepository(
  session: BuildSession,
  source: GitSource,
  to: { readonly rootfs: Rootfs; readonly dest: string; readonly options: CopyOptions },
): Promise<void> {
  const { path, release } = await session.o.repositories.checkout(source, session.gitAccess);
  try {
    using tree = new FileTree(path);
    const root = { path: '', stat: tree.stat('')!, name: '', parents: '' };
    await copyUnits(to.rootfs, to.dest, tree, [root], {
      ...to.options,
      owner: to.options.parentOwner,
      time: session.o.epoch,
    });
  } finally {
    await release();
  }
}

/** As provenance names a repository. */
export function gitMaterial({ address, resolved }: GitSource): Parameters<BuildSession['materials']['add']>[0] {
  const { ref = address.ref } = resolved;
  const remote = shownGitAddress(address.remote);
  return {
    kind: 'git',
    uri: ref === undefined ? remote : `${remote}#${ref}`,
    digest: { [resolved.commit.length === 64 ? 'sha256' : 'sha1']: resolved.commit },
  };
}
