import type { NativePath } from '../sys/index.ts';

/**
 * Names in tar files and on Linux are bytes. Here they are text: UTF-8 decoded, and every byte that is not part of valid UTF-8
 * becomes the lone surrogate U+DC80..U+DCFF (Python's "surrogateescape"), so that nothing is lost and ordinary names stay ordinary.
 */
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const NON_ASCII = /[^\0-\x7f]/;

/** Text of a name's bytes. */
export function textOfBytes(bytes: Buffer): string {
  const latin = bytes.toString('latin1', 0, bytes.length);
  return NON_ASCII.test(latin) ? decode(bytes) : latin;
}

/** Text of a name that was read as latin1 (one character for each byte). */
export function textOfLatin1(latin: string): string {
  return NON_ASCII.test(latin) ? decode(Buffer.from(latin, 'latin1')) : latin;
}

function decode(bytes: Buffer): string {
  try {
    return strict.decode(bytes);
  } catch {
    return decodeEscaping(bytes);
  }
}

function decodeEscaping(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = validSequenceAt(bytes, at);
    text += length > 0 ? bytes.toString('utf8', at, at + length) : String.fromCharCode(0xdc00 + bytes[at]!);
    at += Math.max(1, length);
  }
  return text;
}

function validSequenceAt(bytes: Buffer, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (at + length > bytes.length) return 0;
  try {
    strict.decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}

/** The bytes a text stands for; the inverse of {@link textOfBytes}. */
export function bytesOfText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  const parts: Buffer[] = [];
  for (const character of text) {
    const code = character.charCodeAt(0);
    const escaped = character.length === 1 && code >= 0xdc80 && code <= 0xdcff;
    parts.push(escaped ? Buffer.from([code - 0xdc00]) : Buffer.from(character));
  }
  return Buffer.concat(parts);
}

/** For node:fs. */
export function fsPath(text: string): string | Buffer {
  return text.isWellFormed() ? text : bytesOfText(text);
}

/** For src/sys. */
export function nativePath(text: string): NativePath {
  return text.isWellFormed() ? text : Buffer.concat([bytesOfText(text), Buffer.of(0)]);
}
