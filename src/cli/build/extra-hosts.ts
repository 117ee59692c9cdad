import { isIP } from 'node:net';
import { UsageError } from '../usage-error.ts';

/** `--add-host name:address|name=address|name:host-gateway`, checked before anything is built. @throws {UsageError} */
export function extraHosts(words: readonly string[]): string[] {
  for (const word of words) {
    const address = /^[^\s:=]+[:=](.+)$/.exec(word)?.[1]?.replace(/^\[(.*)\]$/, '$1');
    if (address === undefined) throw invalid(word, `bad format for add-host: "${word}"`);
    if (address !== 'host-gateway' && isIP(address) === 0)
      throw invalid(word, `invalid IP address in add-host: "${address}"`);
  }
  return [...words];
}

function invalid(word: string, why: string): UsageError {
  return new UsageError(`invalid argument "${word}" for "--add-host" flag: ${why}`);
}
