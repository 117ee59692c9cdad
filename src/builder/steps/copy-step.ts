import { writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { extractTar } from '../../archive/index.ts';
import { IgnoreMatcher, type AddInstruction, type CopyInstruction, type Stage } from '../../dockerfile/index.ts';
import { shownGitAddress, type ChainID, type RunConfig } from '../../oci/index.ts';
import { checkChecksum, isArchive, readFileOf, refuseRemote, sourceKind } from '../copy/add-sources.ts';
import { copyUnits, type CopyOptions } from '../copy/copy-units.ts';
import { httpMaterial, type Downloads, type RemoteFile } from '../copy/downloads.ts';
import { copyRepository, gitSources } from '../copy/git-sources.ts';
import { isOctal, parseMode } from '../copy/mode.ts';
import { missingOwner, resolveOwner } from '../copy/owner.ts';
import { Rootfs } from '../copy/rootfs.ts';
import type { BuildSession, FileSource, Selection } from '../session.ts';
import type { LayerOperation } from '../solver.ts';
import { FileTree } from '../tree/file-tree.ts';
import { withoutUserinfo } from '../without-userinfo.ts';

export interface CopyStepContext {
  readonly session: BuildSession;
  readonly stage: Stage;
  readonly config: RunConfig;
  readonly parent: ChainID | undefined;
  readonly downloads: Downloads;
}

type Files = CopyInstruction | AddInstruction;

/** A file that comes from the Dockerfile or the network. */
interface LooseFile {
  readonly name: string;
  readonly digest: string;
  /** `url` as it was written. */
  readonly remote?: { readonly url: string; readonly file: RemoteFile };
  readonly content?: string;
  path?: string;
}

/** COPY and ADD as a layer: what they read is digested now, copied only when no build did it before. */
export async function copyOperation(context: CopyStepContext, instruction: Files): Promise<LayerOperation> {
  const { session, stage, config, parent } = context;
  const dest = destination(config, instruction);
  const from = instruction.kind === 'copy' ? instruction.from : undefined;
  const source: FileSource =
    from === undefined ? { kind: 'context' } : await session.filesOf(session.o.graph.sourceOf(from, stage));
  if (instruction.kind === 'copy') refuseRemote(instruction.sources);
  else checkChecksum(instruction);
  const selection: Selection = {
    sources: instruction.sources.filter((text) => sourceKind(text) === 'local'),
    exclude: instruction.exclude,
    parents: instruction.kind === 'copy' && instruction.parents,
    keepOwner: source.kind === 'layers' && instruction.chown === undefined,
    ...(isOctal(instruction.chmod) ? { keepMode: false } : {}),
  };
  const mode = instruction.chmod === undefined ? undefined : parseMode(instruction.chmod);
  const local = selection.sources.length > 0 ? await session.digest(source, selection) : undefined;
  const loose = await looseFiles(context, instruction);
  const repositories = await gitSources(session, instruction);
  const { chmod } = instruction;
  const chown = instruction.link ? await numericOwner(context, instruction.chown) : instruction.chown;
  const unpack = instruction.kind === 'add' ? (instruction.unpack ?? null) : false;
  const kinds = instruction.kind === 'copy' ? [] : instruction.sources.map(sourceKind);
  const isMixed = new Set(kinds).size > 1;
  let isUnsettled = false;
  const operation = (below: ChainID | undefined): LayerOperation => ({
    kind: instruction.kind,
    text: withoutUserinfo(instruction.original),
    parent: below,
    inputs: {
      dest,
      files: local?.digest ?? null,
      loose: loose.map(({ name, digest }) => [name, digest]),
      ...(isMixed ? { order: kinds } : {}),
      ...(repositories.length > 0 ? { git: repositories.map(({ key }) => key) } : {}),
      chown: chown ?? null,
      chmod: chmod !== undefined && isOctal(chmod) ? Number.parseInt(chmod, 8).toString(8) : (chmod ?? null),
      unpack,
    },
    notes: {
      ...selection,
      ...(from === undefined ? {} : { from }),
      dest: instruction.dest,
      cwd: config.WorkingDir || '/',
      loose: loose.map(({ name, remote }) =>
        remote ? { url: withoutUserinfo(remote.url), etag: remote.file.etag } : { heredoc: name },
      ),
      git: repositories.map(({ address, resolved }) => ({
        url: shownGitAddress(address.remote),
        ref: address.ref,
        commit: resolved.commit,
      })),
      ...(instruction.link ? { link: true } : {}),
    },
    isDated: source.kind !== 'layers' || loose.length + repositories.length > 0,
    isUnsettled: () => isUnsettled,
    make: async ({ mount }) => {
      const mounted = await session.o.scratch.mounted(mount);
      try {
        using rootfs = new Rootfs(mounted.path);
        const missing = missingOwner(below, (message) => session.o.progress.warn(message));
        const owner = chown === undefined ? undefined : resolveOwner(rootfs, chown, missing);
        const options: CopyOptions = {
          owner: owner ?? (source.kind === 'layers' ? undefined : ROOT),
          parentOwner: owner ?? ROOT,
          mode,
          // As in BuildKit, octal modes only, and without the bits beyond rwx.
          parentMode: isOctal(instruction.chmod) ? Number.parseInt(instruction.chmod!, 8) & 0o777 : undefined,
          exclude: instruction.exclude.length > 0 ? IgnoreMatcher.of(instruction.exclude) : undefined,
          special: source.kind === 'layers',
          ...(source.kind === 'layers' ? {} : { onChange: () => (isUnsettled = true) }),
          time: source.kind === 'layers' ? undefined : session.o.epoch,
          signal: session.o.signal,
        };
        const target = { rootfs, mountPoint: mounted.path, dest, options };
        const [files, commits] = [[...loose], [...repositories]];
        // In the order they are written: a later source replaces what an earlier one brought.
        for (const text of instruction.sources)
          switch (instruction.kind === 'copy' ? 'local' : sourceKind(text)) {
            case 'local':
              await copyLocal(session, source, { ...selection, sources: [text] }, target, unpack !== false);
              break;
            case 'git':
              await copyRepository(session, commits.shift()!, target);
              break;
            case 'http':
              await copyLoose(context, files.splice(0, 1), target, unpack === true);
          }
        await copyLoose(context, files, target, unpack === true);
      } finally {
        await mounted.release();
      }
    },
  });
  if (!instruction.link) return operation(parent);
  const warn = (message: string): void => session.o.progress.warn(`${instruction.kind.toUpperCase()} ${message}`);
  return { ...operation(parent), link: { alone: operation(undefined), dest, warn } };
}

/** A layer made on nothing finds no /etc/passwd: names are looked up in the stage before. */
async function numericOwner(
  { session, parent }: CopyStepContext,
  chown: string | undefined,
): Promise<string | undefined> {
  if (chown === undefined || /^\d*(?::\d*)?$/.test(chown)) return chown;
  const { root } = await session.open({ kind: 'layers', chainId: parent });
  using rootfs = new Rootfs(root);
  const warn = (message: string): void => session.o.progress.warn(message);
  const { uid, gid } = resolveOwner(rootfs, chown, missingOwner(parent, warn));
  return `${uid}:${gid}`;
}

const ROOT = { uid: 0, gid: 0 };
const LOOSE_MODE = { remote: 0o600, inline: 0o644 } as const;

interface Target {
  readonly rootfs: Rootfs;
  readonly mountPoint: string;
  readonly dest: string;
  readonly options: CopyOptions;
}

/** The absolute destination; with "/" at its end when it has to be a folder. Of several sources for one that is none, the last remains, as with BuildKit. */
export function destination(config: RunConfig, { dest }: Pick<Files, 'dest'>): string {
  const absolute = posix.resolve('/', config.WorkingDir || '/', dest);
  const isFolder = dest === '' || dest === '.' || dest.endsWith('/') || dest.endsWith('/.');
  return isFolder && absolute !== '/' ? `${absolute}/` : absolute;
}

async function copyLocal(
  session: BuildSession,
  source: FileSource,
  selection: Selection,
  { rootfs, mountPoint, dest, options }: Target,
  unpack: boolean,
): Promise<void> {
  const { tree, units } = await session.select(source, selection);
  if (selection.parents) rootfs.ensureFolder(rootfs.resolve(dest), options.parentOwner, options.parentMode);
  for (const unit of units) {
    if (unpack && unit.stat.type === 'file' && (await isArchive(tree, unit.path)))
      await unpackTo(readFileOf(tree, unit.path), { rootfs, mountPoint, dest, options }).then(() => {
        if (tree.hasChanged(unit.path, unit.stat)) options.onChange?.(unit.path);
      });
    else await copyUnits(rootfs, dest, tree, [unit], options);
  }
}

/** Extracts an archive into the destination, which becomes a folder. */
async function unpackTo(
  tar: Parameters<typeof extractTar>[0],
  { rootfs, mountPoint, dest, options }: Target,
): Promise<void> {
  const into = rootfs.resolve(dest);
  rootfs.ensureFolder(into, options.parentOwner);
  const chowned = options.parentOwner === ROOT ? {} : { owner: options.parentOwner };
  await extractTar(tar, { dir: mountPoint, into, ...chowned, ...(options.signal ? { signal: options.signal } : {}) });
}

async function looseFiles({ session, downloads }: CopyStepContext, instruction: Files): Promise<LooseFile[]> {
  const files: LooseFile[] = [];
  if (instruction.kind === 'add')
    for (const url of instruction.sources.filter((text) => sourceKind(text) === 'http')) {
      const folder = await session.folder();
      const { checksum } = instruction;
      const { secrets } = session.o.request;
      const { file, path } = await downloads.look(url, { folder, signal: session.o.signal, secrets, checksum });
      session.materials.add(httpMaterial(file));
      const remote = { url, file };
      files.push({ name: file.name, digest: file.digest, remote, ...(path === undefined ? {} : { path }) });
    }
  for (const { name, content } of instruction.heredocs) files.push({ name, digest: content, content });
  return files;
}

async function copyLoose(
  context: CopyStepContext,
  files: readonly LooseFile[],
  target: Target,
  unpack: boolean,
): Promise<void> {
  const { session, downloads } = context;
  for (const file of files) {
    const folder = await session.folder();
    const path = file.path ?? join(folder, 'file');
    if (file.content !== undefined) await writeFile(path, file.content, { mode: 0o600 });
    const real =
      file.remote && file.path === undefined
        ? await downloads.fetch(file.remote.url, file.remote.file, {
            folder,
            signal: session.o.signal,
            secrets: session.o.request.secrets,
          })
        : path;
    using tree = new FileTree(posix.dirname(real));
    const name = posix.basename(real);
    const stat = tree.stat(name)!;
    if (unpack && (await isArchive(tree, name))) {
      await unpackTo(readFileOf(tree, name), target);
      continue;
    }
    const own = file.remote ? LOOSE_MODE.remote : LOOSE_MODE.inline;
    const mode = target.options.mode?.(own, false) ?? own;
    const { exclude: _none, ...rest } = target.options;
    const options = { ...rest, owner: target.options.parentOwner, mode: () => mode, time: session.o.epoch };
    await copyUnits(target.rootfs, target.dest, tree, [{ path: name, stat, name: file.name, parents: '' }], options);
  }
}
