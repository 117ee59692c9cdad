import { LadingError } from '../../errors/index.ts';

/** ctrl-p, ctrl-q */
export const DEFAULT_DETACH_KEYS = Buffer.from([16, 17]);

const CONTROL_SYMBOLS: Readonly<Record<string, number>> = { '@': 0, '[': 27, '\\': 28, ']': 29, '^': 30, _: 31 };

/** Reads "ctrl-p,ctrl-q" or single characters, comma separated. @throws invalid_argument */
export function parseDetachKeys(text: string): Buffer {
  if (text === '') return DEFAULT_DETACH_KEYS;
  return Buffer.from(text.split(',').map((key) => keyCode(key, text)));
}

function keyCode(key: string, text: string): number {
  if (key.length === 1 && key.charCodeAt(0) < 128) return key.charCodeAt(0);
  const symbol = /^ctrl-(.)$/.exec(key)?.[1];
  if (symbol !== undefined && /[a-z]/.test(symbol)) return symbol.charCodeAt(0) - 96;
  const code = symbol === undefined ? undefined : CONTROL_SYMBOLS[symbol];
  if (code === undefined)
    throw new LadingError('invalid_argument', `invalid detach keys: "${text.slice(0, 100)}": unknown key "${key}"`, {
      hint: 'use single characters or ctrl-<letter>, separated by commas',
    });
  return code;
}

export interface DetachScan {
  /** Bytes to pass on; held back keys of an unfinished sequence are not in it. */
  readonly pass: Buffer;
  readonly detached: boolean;
}

/** Looks for the sequence in a terminal's input, across chunks. */
export class DetachScanner {
  readonly #keys: Buffer;
  #matched = 0;

  constructor(keys: Buffer) {
    this.#keys = keys;
  }

  scan(chunk: Buffer): DetachScan {
    const pass: number[] = [];
    for (const byte of chunk) {
      if (byte !== this.#keys[this.#matched] && this.#matched > 0) {
        pass.push(...this.#keys.subarray(0, this.#matched));
        this.#matched = 0;
      }
      if (byte !== this.#keys[this.#matched]) pass.push(byte);
      else if (++this.#matched === this.#keys.length) return { pass: Buffer.from(pass), detached: true };
    }
    return { pass: Buffer.from(pass), detached: false };
  }
}
