import { LadingError } from '../../errors/index.ts';
import type { ChainID } from '../../oci/index.ts';
import type { Owner, Rootfs } from './rootfs.ts';

const MAX_BYTES = 4 << 20;
const MAX_ID = 2 ** 32 - 2;

/** Told of a name that is in neither file. */
export type OnMissing = (what: 'user' | 'group', name: string) => void;

/** As BuildKit does: in an image a name that is not found is passed over, here with a warning; in an empty stage it is an error. */
export function missingOwner(parent: ChainID | undefined, warn: (message: string) => void): OnMissing {
  return (what, name) => {
    if (parent === undefined)
      throw new LadingError('invalid_argument', `unable to find ${what} ${name}: the stage has no files yet`, {
        hint: 'give numbers: names are looked up in the /etc/passwd and /etc/group of the stage',
      });
    const used = what === 'user' ? 'root is used' : "the user's is used";
    warn(`no ${what} ${JSON.stringify(name)} in the stage: ${used} (give a number, or add it first)`);
  };
}

/**
 * --chown: "user[:group]", names from the image's own /etc/passwd and /etc/group. Without a group it is the one
 * /etc/passwd gives a named user, and the same number for a numeric one, as in BuildKit; as there, too, a name that is not found
 * counts as none.
 * @param onMissing told of such a name
 * @throws invalid_argument for a number that is none
 */
export function resolveOwner(rootfs: Rootfs, text: string, onMissing: OnMissing = () => undefined): Owner {
  const colon = text.indexOf(':');
  const user = colon < 0 ? text : text.slice(0, colon);
  const group = colon < 0 ? '' : text.slice(colon + 1);
  const owner = (user === '' ? undefined : userOf(rootfs, user, onMissing)) ?? { uid: 0, gid: 0 };
  return { uid: owner.uid, gid: (group === '' ? undefined : groupOf(rootfs, group, onMissing)) ?? owner.gid };
}

function userOf(rootfs: Rootfs, name: string, onMissing: OnMissing): Owner | undefined {
  if (/^\d+$/.test(name)) return { uid: checkedId(name, 'user'), gid: checkedId(name, 'user') };
  const entry = entryOf(rootfs, name, 'passwd');
  if (entry) return { uid: checkedId(entry[2], 'user'), gid: checkedId(entry[3], 'group') };
  onMissing('user', name);
  return undefined;
}

function groupOf(rootfs: Rootfs, name: string, onMissing: OnMissing): number | undefined {
  if (/^\d+$/.test(name)) return checkedId(name, 'group');
  const entry = entryOf(rootfs, name, 'group');
  if (entry) return checkedId(entry[2], 'group');
  onMissing('group', name);
  return undefined;
}

function entryOf(rootfs: Rootfs, name: string, table: 'passwd' | 'group'): string[] | undefined {
  const lines = rootfs.readText(`etc/${table}`, MAX_BYTES)?.split('\n') ?? [];
  return lines.find((entry) => entry.startsWith(`${name}:`))?.split(':');
}

function checkedId(text: string | undefined, what: 'user' | 'group'): number {
  if (text !== undefined && /^\d+$/.test(text) && Number(text) <= MAX_ID) return Number(text);
  throw new LadingError('invalid_argument', `invalid ${what} id: ${text ?? ''}`);
}
