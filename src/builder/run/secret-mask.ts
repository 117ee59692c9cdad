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

  #masked(text: Buffer): Buffer {
    const parts: Buffer[] = [];
    let from = 0;
    for (;;) {
      const found = this.#first(text, from);
      if (!found) break;
      parts.push(text.subarray(from, found.at), MASK);
      from = found.at + found.length;
    }
    return parts.length === 0 ? text : Buffer.concat([...parts, text.subarray(from)]);
  }

  /** The earliest, of those the longest. */
  #first(text: Buffer, from: number): { at: number; length: number } | undefined {
    let first: { at: number; length: number } | undefined;
    for (const word of this.#words) {
      const at = text.indexOf(word, from);
      if (at >= 0 && (!first || at < first.at)) first = { at, length: word.length };
    }
    return first;
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
