import { isSpace } from '../text.ts';

/** Splits text into words while it is produced: unquoted white space separates, quoted text never does. */
export class WordCollector {
  readonly #words: string[] = [];
  #current = '';
  #inWord = false;

  /** Text that came from outside quotes. */
  add(text: string): void {
    for (const ch of text) {
      if (!isSpace(ch)) this.addQuoted(ch);
      else if (this.#inWord) this.#finish();
    }
  }

  /** Text that came from quotes or behind an escape. */
  addQuoted(text: string): void {
    this.#current += text;
    this.#inWord = true;
  }

  words(): string[] {
    this.#finish();
    return this.#words;
  }

  #finish(): void {
    if (this.#current === '') return;
    this.#words.push(this.#current);
    this.#current = '';
    this.#inWord = false;
  }
}
