import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { LadingError, errnoOf } from '../../errors/index.ts';
import { openat2, O, RESOLVE } from '../../sys/index.ts';

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** The primary group first, as Docker does since CVE-2022-36109. */
  readonly additionalGids: readonly number[];
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const MAX_ID = 2_147_483_647;
const MAX_FILE_BYTES = 4 << 20;
const NUMBER = /^-?\d+$/;

/**
 * Resolves Docker's `--user` text against the rootfs' own /etc/passwd and /etc/group. The rootfs is hostile: the files are
 * opened with every link resolved inside it, must be regular, and are bounded.
 * @throws invalid_argument in Docker's words ("unable to find user x: no matching entries in passwd file")
 */
export function resolveUser(rootfs: string, user: string, additionalGroups: readonly string[] = []): ResolvedUser {
  const separator = user.indexOf(':');
  const userText = separator < 0 ? user : user.slice(0, separator);
  const groupText = separator < 0 ? '' : user.slice(separator + 1);
  const groups = parseGroups(readInRoot(rootfs, 'etc/group'));
  const entry = findUser(parsePasswd(readInRoot(rootfs, 'etc/passwd')), userText);
  const gid = groupText === '' ? entry.gid : findGroup(groups, groupText);
  const memberOf =
    groupText === '' && entry.name !== ''
      ? groups.filter((group) => group.members.includes(entry.name)).map((group) => group.gid)
      : [];
  const added = additionalGroups.map((name) => findGroup(groups, name));
  return { uid: entry.uid, gid, home: entry.home, additionalGids: [...new Set([gid, ...memberOf, ...added])] };
}

function findUser(entries: readonly PasswdEntry[], text: string): PasswdEntry {
  const wanted = text === '' ? '0' : text;
  const found = entries.find((entry) => entry.name === wanted || String(entry.uid) === wanted);
  if (found) return found;
  if (NUMBER.test(wanted)) return { name: '', uid: checkId(wanted), gid: 0, home: '/' };
  throw new LadingError('invalid_argument', `unable to find user ${text}: no matching entries in passwd file`);
}

function findGroup(entries: readonly GroupEntry[], text: string): number {
  const found = entries.find((entry) => entry.name === text || String(entry.gid) === text);
  if (found) return found.gid;
  if (NUMBER.test(text)) return checkId(text);
  throw new LadingError('invalid_argument', `unable to find group ${text}: no matching entries in group file`);
}

function checkId(text: string): number {
  const id = Number(text);
  if (id >= 0 && id <= MAX_ID) return id;
  throw new LadingError('invalid_argument', `uids and gids must be in range 0-${MAX_ID}: "${text}"`);
}

function isId(text: string | undefined): text is string {
  return text !== undefined && /^\d+$/.test(text) && Number(text) <= MAX_ID;
}

function parsePasswd(text: string): PasswdEntry[] {
  return fieldsOf(text).flatMap(([name = '', , uid, gid, , home = '']) =>
    isId(uid) && isId(gid) ? [{ name, uid: Number(uid), gid: Number(gid), home: home || '/' }] : [],
  );
}

function parseGroups(text: string): GroupEntry[] {
  return fieldsOf(text).flatMap(([name = '', , gid, members = '']) =>
    isId(gid) ? [{ name, gid: Number(gid), members: members.split(',').filter((member) => member !== '') }] : [],
  );
}

function fieldsOf(text: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':').map((field) => field.trim()));
}

/** "" when there is no such regular file inside the rootfs. */
function readInRoot(rootfs: string, path: string): string {
  const root = openSync(rootfs, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const fd = openat2(root, path, O.RDONLY | O.NONBLOCK | O.CLOEXEC, 0, RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS);
    try {
      return fstatSync(fd).isFile() ? readBounded(fd) : '';
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENXIO'].includes(errnoOf(error) ?? '')) return '';
    throw error;
  } finally {
    closeSync(root);
  }
}

function readBounded(fd: number): string {
  const size = Math.min(fstatSync(fd).size, MAX_FILE_BYTES);
  const buffer = Buffer.alloc(size);
  let filled = 0;
  while (filled < size) {
    const count = readSync(fd, buffer, filled, size - filled, null);
    if (count === 0) break;
    filled += count;
  }
  return buffer.toString('utf8', 0, filled);
}
