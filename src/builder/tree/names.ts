import { readdirSync } from 'node:fs';
import { bytesOfText, textOfBytes } from '../../archive/index.ts';

/** For node:fs: a path whose names may hold bytes that are not UTF-8 (kept as lone surrogates). */
export function fsPath(path: string): string | Buffer {
  return path.isWellFormed() ? path : bytesOfText(path);
}

/** For src/sys: bytes end with a NUL. */
export function nativePath(path: string): string | Buffer {
  return path.isWellFormed() ? path : Buffer.concat([bytesOfText(path), Buffer.of(0)]);
}

/** Names in a folder, sorted. Bytes that are not UTF-8 survive. */
export function namesIn(path: string): string[] {
  const names = readdirSync(fsPath(path), { encoding: 'utf8' });
  const exact = names.some((name) => name.includes('\ufffd'))
    ? readdirSync(fsPath(path), { encoding: 'buffer' }).map((name) => textOfBytes(name))
    : names;
  return exact.sort();
}

/** `a/b` of `a` and `b`; the root is ''. */
export function joinPath(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}
