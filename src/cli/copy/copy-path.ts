/** One side of `cp`. */
export interface CopyPath {
  /** Undefined on this machine. */
  readonly container?: string;
  readonly path: string;
}

/** "container:path" or a local path; a path with a slash or dot before its colon is local, as Docker's client decides. */
export function parseCopyPath(text: string): CopyPath {
  if (text === '-' || text.startsWith('/')) return { path: text };
  const colon = text.indexOf(':');
  if (colon <= 0 || text.startsWith('.')) return { path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

/** Whether the path means what is in the folder rather than the folder: it ends in "/." */
export function meansContents(path: string): boolean {
  return path === '.' || path.endsWith('/.');
}

/** Go's os.FileMode bits. */
const MODE_DIRECTORY = 2 ** 31;
const MODE_SYMLINK = 2 ** 27;

export function isDirectoryMode(mode: number): boolean {
  return Math.floor(mode / MODE_DIRECTORY) % 2 === 1;
}

export function isSymlinkMode(mode: number): boolean {
  return Math.floor(mode / MODE_SYMLINK) % 2 === 1;
}
