import { FileDigests } from './file-digests.ts';

const MAX_FOLDERS = 8;

/** Remembered digests of the folders builds read lately; those of others are opened again from disk. */
export class ContextDigests {
  readonly #store: string;
  readonly #open = new Map<string, FileDigests>();

  /** @param store folder of the files that keep them */
  constructor(store: string) {
    this.#store = store;
  }

  async of(folder: string): Promise<FileDigests> {
    const known = this.#open.get(folder);
    if (known) return known;
    const digests = await FileDigests.open(this.#store, folder);
    const oldest = this.#open.keys().next().value;
    if (this.#open.size >= MAX_FOLDERS && oldest !== undefined) this.#open.delete(oldest);
    this.#open.set(folder, digests);
    return digests;
  }
}
