import { readFileSync } from 'node:fs';
import { UsageError } from '../usage-error.ts';

export interface Suite {
  /** "debian", "ubuntu" */
  readonly distribution: string;
  /** "bookworm" */
  readonly name: string;
}

/** "debian:bookworm" or "bookworm". @throws {UsageError} */
export function parseSuite(text: string): Suite {
  const match = /^(?:([a-z][a-z0-9]*):)?([a-z0-9][a-z0-9.-]*)$/.exec(text);
  if (match === null) throw new UsageError(`invalid suite "${text}": use for example debian:bookworm`);
  return { distribution: match[1] ?? 'debian', name: match[2] ?? '' };
}

/** The distribution this machine runs. */
export function hostDistribution(osRelease: string = readOr('/etc/os-release')): string {
  return /^ID="?([a-z0-9]+)"?$/m.exec(osRelease)?.[1] ?? '';
}

/**
 * The archive this machine's own apt uses for its main packages, in either of apt's formats, so that a configured mirror
 * or proxy is used for images as well; undefined when none is found.
 */
export function mirrorOfHost(sources: readonly string[]): string | undefined {
  for (const text of sources)
    for (const stanza of text.split(/\n\s*\n/)) {
      const fields = stanza.split('\n').filter((line) => !line.startsWith('#'));
      const uris = valueOf(fields, 'URIs')?.split(/\s+/) ?? [];
      const main = valueOf(fields, 'Components')?.split(/\s+/).includes('main') ?? false;
      const isOwn = main && !/security|updates|backports/.test(valueOf(fields, 'Suites')?.split(/\s+/)[0] ?? '');
      if (isOwn && isMirror(uris[0])) return uris[0];
      for (const line of fields) {
        const match = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)$/.exec(line.trim());
        const [, uri, suite = '', components = ''] = match ?? [];
        if (isMirror(uri) && !suite.includes('-') && components.split(/\s+/).includes('main')) return uri;
      }
    }
  return undefined;
}

function valueOf(lines: readonly string[], key: string): string | undefined {
  const line = lines.find((one) => one.toLowerCase().startsWith(`${key.toLowerCase()}:`));
  return line?.slice(key.length + 1).trim();
}

function isMirror(uri: string | undefined): uri is string {
  return uri !== undefined && /^https?:\/\//.test(uri);
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
