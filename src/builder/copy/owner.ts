import { LadingError } from '../../errors/index.ts';
import type { Owner, Rootfs } from './rootfs.ts';

const MAX_BYTES = 4 << 20;
const MAX_ID = 2 ** 32 - 2;

/** --chown: "user[:group]", names from the image's own /etc/passwd and /etc/group; without a group it is the user's number. @throws invalid_argument */
export function resolveOwner(rootfs: Rootfs, text: string): Owner {
  const colon = text.indexOf(':');
  const user = colon < 0 ? text : text.slice(0, colon);
  const group = colon < 0 ? undefined : text.slice(colon + 1);
  const uid = user === '' ? 0 : idOf(rootfs, user, 'passwd');
  return { uid, gid: group === undefined || group === '' ? uid : idOf(rootfs, group, 'group') };
}

function idOf(rootfs: Rootfs, name: string, table: 'passwd' | 'group'): number {
  if (/^\d+$/.test(name)) {
    if (Number(name) <= MAX_ID) return Number(name);
    throw new LadingError('invalid_argument', `invalid ${table === 'passwd' ? 'user' : 'group'} id: ${name}`);
  }
  const line = rootfs
    .readText(`etc/${table}`, MAX_BYTES)
    ?.split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const id = line?.split(':')[2];
  if (id !== undefined && /^\d+$/.test(id) && Number(id) <= MAX_ID) return Number(id);
  const what = table === 'passwd' ? 'user' : 'group';
  throw new LadingError('invalid_argument', `unable to find ${what} ${name}: no matching entries in ${table} file`);
}
