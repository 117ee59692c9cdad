import { LadingError } from '../errors/index.ts';
import { bytesOfText } from './byte-text.ts';

const MAX_NAME_BYTES = 4096;
const MAX_COMPONENT_BYTES = 255;
const SHOWN = 100;

/** An entry's name as shown in messages: quoted, without control characters, cut. */
export function showName(name: string): string {
  const cut = name.length > SHOWN ? `${name.slice(0, SHOWN)}…` : name;
  return JSON.stringify(cut.toWellFormed());
}

/** @throws {LadingError} invalid_argument naming the entry */
export function refuseEntry(name: string, found: string): never {
  throw new LadingError('invalid_argument', `tar entry ${showName(name)}: ${found}`);
}

/**
 * A name or hard link target relative to the root: no leading slash, no `.`, no empty components, `..` applied to the text before it.
 * The root itself is ''.
 * @throws {LadingError} invalid_argument when `..` leads above the root, or the name is too long or holds a NUL
 */
export function cleanEntryName(name: string): string {
  const bare = name.slice(name.startsWith('./') ? 2 : 0, name.endsWith('/') ? -1 : undefined);
  if (isClean(bare)) return bare;
  checkLengths(name);
  const kept: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.pop() === undefined) refuseEntry(name, 'the name leads outside the root');
  }
  return kept.join('/');
}

/** The common case, told apart by one expression: short components of ordinary characters. */
const CLEAN = /^(?:[\w+@=,~ -][\w.+@=,~ -]{0,62}\/)*[\w+@=,~ -][\w.+@=,~ -]{0,62}$/;

function isClean(name: string): boolean {
  return name.length < 1024 && CLEAN.test(name);
}

function checkLengths(name: string): void {
  if (name.includes('\0')) refuseEntry(name, 'the name holds a NUL byte');
  const bytes = bytesOfText(name);
  if (bytes.length > MAX_NAME_BYTES)
    refuseEntry(name, `the name has ${bytes.length} bytes, more than ${MAX_NAME_BYTES}`);
  let start = 0;
  while (start <= bytes.length) {
    const slash = bytes.indexOf(0x2f, start);
    const end = slash < 0 ? bytes.length : slash;
    if (end - start > MAX_COMPONENT_BYTES)
      refuseEntry(name, `a component has ${end - start} bytes, more than ${MAX_COMPONENT_BYTES}`);
    start = end + 1;
  }
}

/** Checks a symlink's target, which is otherwise kept as it is. */
export function checkLinkTarget(name: string, target: string): void {
  if (target === '') refuseEntry(name, 'the symlink has no target');
  if (target.includes('\0')) refuseEntry(name, 'the symlink target holds a NUL byte');
  const { length } = bytesOfText(target);
  if (length >= MAX_NAME_BYTES)
    refuseEntry(name, `the symlink target has ${length} bytes, more than ${MAX_NAME_BYTES - 1}`);
}

/** '' for a name in the root. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
