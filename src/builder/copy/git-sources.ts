import type { AddInstruction, CopyInstruction } from '../../dockerfile/index.ts';
import { parseGitAddress, shownGitAddress } from '../../oci/index.ts';
import type { GitSource } from '../git/repositories.ts';
import type { Material } from '../materials.ts';
import type { BuildSession } from '../session.ts';
import type { BuildRequest } from '../types.ts';
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
    const source = await resolveOnce(session, pinned(address, session.o.pins), { checksum, keepGitDir });
    session.materials.add(gitMaterial(source));
    found.push(source);
  }
  return found;
}

const asked = new WeakMap<BuildRequest, Map<string, Promise<GitSource>>>();

/** One answer for all stages and platforms of a build: a branch that moves meanwhile does not give them different files. */
function resolveOnce(
  session: BuildSession,
  address: string,
  flags: { readonly checksum: string | undefined; readonly keepGitDir: boolean | undefined },
): Promise<GitSource> {
  const { request, repositories } = session.o;
  const answers = asked.get(request) ?? new Map<string, Promise<GitSource>>();
  asked.set(request, answers);
  const key = JSON.stringify([address, flags.checksum, flags.keepGitDir]);
  const answer = answers.get(key) ?? repositories.resolve(address, { ...session.gitAccess, ...flags });
  answers.set(key, answer);
  return answer;
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

/** The address at the commit it had, when a build is done again. */
function pinned(text: string, pins: BuildSession['o']['pins']): string {
  if (!pins) return text;
  const { remote, ref, subdir } = parseGitAddress(text);
  const uris = [shownGitAddress(remote), ...(ref === undefined ? [] : [`${shownGitAddress(remote)}#${ref}`])];
  const pin = pins.find(({ uri }) => uri === uris.at(-1)) ?? pins.find(({ uri }) => uri.startsWith(`${uris[0]}#`));
  const commit = pin?.digest['sha1'] ?? pin?.digest['sha256'];
  if (commit === undefined) return text;
  return `${remote}#${commit}${subdir === '' ? '' : `:${subdir}`}`;
}

/** As provenance names the repository of a build context: with its subfolder, as BuildKit does. */
export function gitContextMaterial(source: GitSource): Material {
  const { uri, ...material } = gitMaterial(source);
  const { subdir } = source.address;
  if (subdir === '') return { ...material, uri };
  return { ...material, uri: `${uri}${uri.includes('#') ? '' : '#'}:${subdir}` };
}

/** As provenance names a repository. */
export function gitMaterial({ address, resolved }: GitSource): Material {
  const { ref = address.ref } = resolved;
  const remote = shownGitAddress(address.remote);
  return {
    kind: 'git',
    uri: ref === undefined ? remote : `${remote}#${ref}`,
    digest: { [resolved.commit.length === 64 ? 'sha256' : 'sha1']: resolved.commit },
  };
}
