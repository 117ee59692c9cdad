import { LadingError } from '../../errors/index.ts';
import type { Owner, Rootfs } from './rootfs.ts';

const MAX_BYTES = 4 << 20;
const MAX_ID = 2 ** 32 - 2;

/**
 * --chown: "user[:group]", names from the image's own /etc/passwd and /etc/group. Without a group it is the one
 * /etc/passwd gives a named user, and the same number for a numeric one, as in BuildKit.
 * @throws invalid_argument
 */
export function resolveOwner(rootfs: Rootfs, text: string): Owner {
  const colon = text.indexOf(':');
  const user = colon < 0 ? text : text.slice(0, colon);
  const group = colon < 0 ? '' : text.slice(colon + 1);
  const owner = user === '' ? { uid: 0, gid: 0 } : userOf(rootfs, user);
  return group === '' ? owner : { uid: owner.uid, gid: groupOf(rootfs, group) };
}

function userOf(rootfs: Rootfs, name: string): Owner {
  if (/^\d+$/.test(name)) return { uid: checkedId(name, 'user'), gid: checkedId(name, 'user') };
  const [, , uid, gid] = entryOf(rootfs, name, 'passwd');
  return { uid: checkedId(uid, 'user'), gid: checkedId(gid, 'group') };
}

function groupOf(rootfs: Rootfs, name: string): number {
  return checkedId(/^\d+$/.test(name) ? name : entryOf(rootfs, name, 'group')[2], 'group');
}

function entryOf(rootfs: Rootfs, name: string, table: 'passwd' | 'group'): string[] {
  const lines = rootfs.readText(`etc/${table}`, MAX_BYTES)?.split('\n') ?? [];
  const line = lines.find((entry) => entry.startsWith(`${name}:`));
  if (line !== undefined) return line.split(':');
  const what = table === 'passwd' ? 'user' : 'group';
  throw new LadingError('invalid_argument', `unable to find ${what} ${name}: no matching entries in ${table} file`);
}

function checkedId(text: string | undefined, what: 'user' | 'group'): number {
  if (text !== undefined && /^\d+$/.test(text) && Number(text) <= MAX_ID) return Number(text);
  throw new LadingError('invalid_argument', `invalid ${what} id: ${text ?? ''}`);
}
