import { readFileSync } from 'node:fs';
import { messageOf } from '../../errors/index.ts';
import { UsageError } from '../usage-error.ts';

/** `--security-opt` as sent: a seccomp profile is read here, for the daemon does not see the client's files. */
export function readSecurityOptions(words: readonly string[]): string[] {
  return words.map((word) => {
    const match = /^seccomp[=:](.*)$/s.exec(word);
    const value = match?.[1];
    if (value === undefined || value === 'unconfined' || value === 'builtin') return word;
    try {
      return `seccomp=${JSON.stringify(JSON.parse(readFileSync(value, 'utf8')))}`;
    } catch (error) {
      throw new UsageError(`opening seccomp profile (${value}) failed: ${messageOf(error)}`);
    }
  });
}
