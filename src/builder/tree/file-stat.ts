export type FileType = 'file' | 'directory' | 'symlink' | 'fifo' | 'char' | 'block' | 'socket';

/** What is known of a path without reading it. Links are not followed. */
export interface FileStat {
  readonly type: FileType;
  /** Permission bits with set-id and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly inode: bigint;
  readonly links: number;
  readonly rdev: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** Changes whenever the file's bytes may have: of device, inode, size, and both times. */
  readonly identity: string;
}

const TYPES: Readonly<Record<number, FileType>> = {
  0o10: 'file',
  0o04: 'directory',
  0o12: 'symlink',
  0o01: 'fifo',
  0o02: 'char',
  0o06: 'block',
  0o14: 'socket',
};

const WORD = 2 ** 32;

/** Reads the kernel's `struct statx`. Big numbers are put together when somebody asks: a walk looks at few of them. */
export function statOf(words: Uint32Array): FileStat {
  return new Statx(words);
}

class Statx implements FileStat {
  readonly type: FileType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly links: number;
  readonly rdev: bigint;
  /** "inode size mtime ctime device", their 32-bit parts joined by dots. */
  readonly identity: string;

  constructor(w: Uint32Array) {
    const mode = w[7]! & 0xffff;
    this.type = TYPES[mode >> 12] ?? 'socket';
    this.mode = mode & 0o7777;
    this.links = w[4]!;
    this.uid = w[5]!;
    this.gid = w[6]!;
    this.size = w[11]! * WORD + w[10]!;
    this.rdev = this.type === 'char' || this.type === 'block' ? deviceOf(BigInt(w[32]!), BigInt(w[33]!)) : 0n;
    this.identity = `${w[9]}.${w[8]} ${this.size} ${w[29]}.${w[28]}.${w[30]} ${w[25]}.${w[24]}.${w[26]} ${w[34]}.${w[35]}`;
  }

  get inode(): bigint {
    const [high, low] = this.#part(0);
    return (high << 32n) | low;
  }

  get mtimeNs(): bigint {
    return nanoseconds(this.#part(2));
  }

  get ctimeNs(): bigint {
    return nanoseconds(this.#part(3));
  }

  #part(at: number): [bigint, bigint, bigint] {
    const [high = '0', low = '0', nsec = '0'] = this.identity.split(' ')[at]!.split('.');
    return [BigInt(high), BigInt(low), BigInt(nsec)];
  }
}

/** As glibc's makedev(). */
function deviceOf(major: bigint, minor: bigint): bigint {
  return ((major & 0xfffff000n) << 32n) | ((major & 0xfffn) << 8n) | ((minor & 0xffffff00n) << 12n) | (minor & 0xffn);
}

function nanoseconds([high, low, nsec]: readonly [bigint, bigint, bigint]): bigint {
  return BigInt.asIntN(64, (high << 32n) | low) * 1_000_000_000n + nsec;
}
