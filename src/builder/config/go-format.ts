/** Values written as Go's fmt package does: history entries are compared with Docker's by people and tools. */

/** `%q` of a string. */
export function goQuote(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f]/g,
    (ch) => `\\u${ch.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** `%q` of a []string. */
export function goQuoteList(items: readonly string[]): string {
  return `[${items.map(goQuote).join(' ')}]`;
}

/** `%v` of a []string. */
export function goList(items: readonly string[]): string {
  return `[${items.join(' ')}]`;
}

/** time.Duration.String(). */
export function goDuration(ns: number): string {
  if (ns === 0) return '0s';
  if (ns < 1e3) return `${ns}ns`;
  if (ns < 1e6) return `${ns / 1e3}\u00b5s`;
  if (ns < 1e9) return `${ns / 1e6}ms`;
  const hours = Math.floor(ns / 3600e9);
  const minutes = Math.floor((ns % 3600e9) / 60e9);
  const seconds = `${(ns % 60e9) / 1e9}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

/** `%q` of an int: a character literal. */
export function goQuoteRune(code: number): string {
  if (code >= 0x20 && code < 0x7f) return `'${String.fromCharCode(code)}'`;
  return `'\\x${code.toString(16).padStart(2, '0')}'`;
}
