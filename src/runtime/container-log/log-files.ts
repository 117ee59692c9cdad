import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { errnoOf } from '../../errors/index.ts';

export const previousLog = (path: string): string => `${path}.1`;

/** An open log file; its inode tells whether the path still means it. */
export class LogFile {
  readonly fd: number;
  readonly inode: number;

  private constructor(fd: number) {
    this.fd = fd;
    this.inode = fstatSync(fd).ino;
  }

  /** undefined when there is none. */
  static open(path: string): LogFile | undefined {
    try {
      return new LogFile(openSync(path, 'r'));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  get size(): number {
    return fstatSync(this.fd).size;
  }

  /** Bytes at `position`, fewer at the end. */
  read(buffer: Buffer, position: number): number {
    return readSync(this.fd, buffer, 0, buffer.length, position);
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** The log's generations, oldest first; the previous one only when it is another file. */
export function openLogFiles(path: string): LogFile[] {
  const previous = LogFile.open(previousLog(path));
  const current = LogFile.open(path);
  if (previous && previous.inode === current?.inode) {
    previous.close();
    return [current];
  }
  return [previous, current].filter((file) => file !== undefined);
}

export function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
