import { LadingError } from '../../errors/index.ts';

const CONTROL_PUNCTUATION: Readonly<Record<string, number>> = { '@': 0, '[': 27, '\\': 28, ']': 29, '^': 30, _: 31 };
export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';

/** "ctrl-p,ctrl-q" or "a,b" → bytes. @throws invalid_argument */
export function parseDetachKeys(text: string = DEFAULT_DETACH_KEYS): number[] {
  if (text === '') return [];
  return text.split(',').map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
    if (control !== undefined) return CONTROL_PUNCTUATION[control] ?? control.charCodeAt(0) - 96;
    if (key.length === 1) return key.charCodeAt(0);
    throw new LadingError('invalid_argument', `invalid detach keys (${text}) provided: Unknown character: '${key}'`);
  });
}

/** Watches a terminal's input for the detach keys, across chunks. */
export class DetachFilter {
  readonly #keys: readonly number[];
  #matched = 0;

  constructor(keys: readonly number[]) {
    this.#keys = keys;
  }

  /** The bytes to pass on (keys that began a sequence are held back), and whether the sequence is complete. */
  write(chunk: Buffer): { pass: Buffer; detached: boolean } {
    const pass: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.#keys.length) return { pass: Buffer.from(pass), detached: true };
        continue;
      }
      pass.push(...this.#keys.slice(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) pass.push(byte);
    }
    return { pass: Buffer.from(pass), detached: false };
  }
}
