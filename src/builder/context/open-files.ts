import { gitMaterial } from '../copy/git-sources.ts';
import { httpMaterial } from '../copy/downloads.ts';
import type { BuildSession } from '../session.ts';
import type { FileDigests } from '../tree/file-digests.ts';
import { FileTree } from '../tree/file-tree.ts';
import { localFolder, readIgnore } from './build-context.ts';
import { httpFiles } from './http-files.ts';
import type { FilesContext } from './named-contexts.ts';

/** A named context's files, open until the build ends. */
export interface OpenFiles {
  readonly tree: FileTree;
  /** For files that stay. */
  readonly digests?: FileDigests | undefined;
}

/** Opens what a context names: a folder in place (its .dockerignore holds), a checkout, a downloaded archive's entries, or the downloaded file alone as "context". */
export async function openFiles(name: string, context: FilesContext, session: BuildSession): Promise<OpenFiles> {
  switch (context.kind) {
    case 'folder': {
      session.materials.add({ kind: 'local', uri: name, digest: {} });
      return opened(localFolder(context.path, name), session, true, undefined);
    }
    case 'git': {
      const { repositories } = session.o;
      const source = await repositories.resolve(context.address, session.gitAccess);
      session.materials.add(gitMaterial(source));
      const { path, release } = await repositories.checkout(source, session.gitAccess);
      session.onEnd(release);
      return opened(path, session, true, '');
    }
    case 'http':
      return opened(await downloaded(context.url, session), session, false, '');
  }
}

/** @param ignoreText rules; undefined: those of the folder's .dockerignore */
async function opened(
  root: string,
  session: BuildSession,
  stays: boolean,
  ignoreText: string | undefined,
): Promise<OpenFiles> {
  const whole = new FileTree(root);
  const ignore = readIgnore(whole, '', ignoreText);
  if (ignore) whole[Symbol.dispose]();
  const tree = ignore ? new FileTree(root, ignore) : whole;
  session.onEnd(async () => tree[Symbol.dispose]());
  if (!stays) return { tree };
  const digests = await session.o.digestsOf(root);
  session.onEnd(() => digests.save());
  return { tree, digests };
}

async function downloaded(url: string, session: BuildSession): Promise<string> {
  const { downloads, request, signal } = session.o;
  const [scratch, into] = [await session.folder(), await session.folder()];
  const { file } = await httpFiles(url, { downloads, secrets: request.secrets, scratch, into, signal });
  session.materials.add(httpMaterial(file));
  return into;
}
