export type ArchiveCompression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz';

/** How many bytes {@link detectCompression} looks at. */
export const MAGIC_BYTES = 6;

const MAGIC: readonly { readonly kind: ArchiveCompression; readonly bytes: Buffer }[] = [
  { kind: 'gzip', bytes: Buffer.from([0x1f, 0x8b, 0x08]) },
  { kind: 'zstd', bytes: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) },
  { kind: 'bzip2', bytes: Buffer.from('BZh') },
  { kind: 'xz', bytes: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) },
];

/** By the first bytes; whatever is not known is 'none'. A zstd stream may begin with a skippable frame (0x184D2A5?). */
export function detectCompression(head: Uint8Array): ArchiveCompression {
  const found = MAGIC.find(({ bytes }) => bytes.equals(head.subarray(0, bytes.length)));
  if (found) return found.kind;
  const skippable = head.length >= 4 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18 && head[0]! >> 4 === 5;
  return skippable ? 'zstd' : 'none';
}
