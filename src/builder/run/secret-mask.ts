/** Shorter ones could be any word of a log. */
const MIN_BYTES = 8;
const MAX_LINES = 256;
const MASK = Buffer.from('****');

/**
 * Hides secrets in what a step prints: their bytes, each of their lines, and both in base64. Bytes that could be the beginning of one are held
 * back until it is clear, at most as many as the longest has.
 */
export class SecretMask {
  readonly #words: readonly Buffer[];
  readonly #held: Record<'stdout' | 'stderr', Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  readonly #onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => void;

  constructor(secrets: readonly Uint8Array[], onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => void) {
    this.#words = wordsOf(secrets);
    this.#onOutput = onOutput;
  }

  write(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    if (this.#words.length === 0) return this.#onOutput(stream, chunk);
    const text = this.#masked(Buffer.concat([this.#held[stream], chunk]));
    const kept = this.#beginningAtEnd(text);
    this.#held[stream] = text.subarray(text.length - kept);
    if (kept < text.length) this.#onOutput(stream, text.subarray(0, text.length - kept));
  }

  /** The step has ended: what was held back is no secret. */
  end(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = this.#held[stream];
      this.#held[stream] = Buffer.alloc(0);
      if (rest.length > 0) this.#onOutput(stream, rest);
    }
  }

  /** Each word is looked for once through the text, however often others are found meanwhile: a step may print nothing but secrets. */
  #masked(text: Buffer): Buffer {
    const parts: Buffer[] = [];
    const next = this.#words.map((word) => text.indexOf(word));
    let from = 0;
    for (let index = earliest(next); index >= 0; index = earliest(next)) {
      const at = next[index]!;
      parts.push(text.subarray(from, at), MASK);
      from = at + this.#words[index]!.length;
      for (const [i, place] of next.entries())
        if (place >= 0 && place < from) next[i] = text.indexOf(this.#words[i]!, from);
    }
    return parts.length === 0 ? text : Buffer.concat([...parts, text.subarray(from)]);
  }

  /** How many bytes at the end begin some secret. */
  #beginningAtEnd(text: Buffer): number {
    let most = 0;
    for (const word of this.#words) {
      const first = word[0]!;
      const end = text.length - most;
      let at = text.indexOf(first, Math.max(0, text.length - word.length + 1));
      while (at >= 0 && at < end && word.compare(text, at, text.length, 0, text.length - at) !== 0)
        at = text.indexOf(first, at + 1);
      if (at >= 0 && at < end) most = text.length - at;
    }
    return most;
  }
}

/** Index of the smallest place, the first of equal ones; -1 when nothing is left. */
function earliest(places: readonly number[]): number {
  let found = -1;
  for (const [index, place] of places.entries()) if (place >= 0 && (found < 0 || place < places[found]!)) found = index;
  return found;
}

/** Longest first, so that a whole secret is hidden before a line of it. */
function wordsOf(secrets: readonly Uint8Array[]): Buffer[] {
  const found = new Map<string, Buffer>();
  for (const secret of secrets) {
    const text = Buffer.from(secret).toString('latin1');
    const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
    for (const word of [text.trim(), ...text.split(/[\r\n]+/, MAX_LINES).map((line) => line.trim()), base64])
      if (word.length >= MIN_BYTES) found.set(word, Buffer.from(word, 'latin1'));
  }
  return [...found.values()].sort((a, b) => b.length - a.length);
}
