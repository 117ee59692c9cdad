import { hash } from 'node:crypto';
import type { StepInputs } from '../cache/cache-record.ts';
import type { FileList } from '../copy/digest-units.ts';
import type { FileSource, Selection } from '../session.ts';

/** Files that a step read. */
export interface FileRead {
  /** Of all that counts of them. */
  readonly digest: string;
  readonly source: FileSource;
  readonly selection: Selection;
  /** Absent when the digest was remembered. */
  readonly list?: FileList;
}

/** What the steps of a build read. Different files may have one digest: paths do not count, only what is below them. */
export class FilesRead {
  readonly #all = new Map<string, FileRead>();

  add(read: FileRead): void {
    const { sources, parents } = read.selection;
    const key = listKey(read.digest, { sources, parents, ...(read.source.kind === 'context' ? {} : { from: '' }) });
    if (read.list || !this.#all.has(key)) this.#all.set(key, read);
  }

  /** @param choice notes of the step or the mount: `sources`, `parents`, `from` */
  find(digest: string, choice: StepInputs): FileRead | undefined {
    return this.#all.get(listKey(digest, choice));
  }

  /** All of some digests, by the keys of their lists. */
  of(digests: readonly string[]): (readonly [key: string, read: FileRead])[] {
    return [...this.#all].filter(([, { digest }]) => digests.includes(digest));
  }
}

/** Names a list of files: their digest, and how they were chosen. */
export function listKey(digest: string, { sources, parents, from }: StepInputs): string {
  return hash('sha256', JSON.stringify([digest, sources, parents === true, from === undefined]));
}
