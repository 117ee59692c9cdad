export type EntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo';

export interface EntryTime {
  /** Seconds since 1970, may be negative. */
  readonly sec: number;
  readonly nsec: number;
}

/** A run of stored bytes of a sparse file; what lies between runs is zero. */
export interface DataRun {
  readonly offset: number;
  readonly length: number;
}

/** One member of a tar file. */
export interface TarHeader {
  /** As stored. Text; bytes that are not UTF-8 are lone surrogates (see byte-text.ts). */
  readonly name: string;
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky; no type bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of the file's content (holes included); 0 unless type is 'file'. */
  readonly size: number;
  readonly mtime: EntryTime;
  /** Target of a symlink or hard link. */
  readonly linkName?: string;
  readonly devMajor?: number;
  readonly devMinor?: number;
  /** Extended attributes by full name (`security.capability`). */
  readonly xattrs?: ReadonlyMap<string, Buffer>;
  readonly uname?: string;
  readonly gname?: string;
  /** Present for sparse files: which parts of `size` hold data, ascending. */
  readonly sparse?: readonly DataRun[];
}

export const BLOCK = 512;

/** Bytes that fill the last block of a body. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
