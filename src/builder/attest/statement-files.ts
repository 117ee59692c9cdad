import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuiltPlatform } from '../export/exporting.ts';
import type { Attestor } from './attestor.ts';
import { PROVENANCE, type StatementSubject } from './statement.ts';

/** A file that goes beside a result's own. */
export interface StatementFile {
  readonly name: string;
  readonly bytes: Buffer;
}

/**
 * The attestations of a result that leaves as files, as BuildKit's local and tar exporters write them: statements about every regular file of it.
 * None unless they were asked for by name.
 */
export async function statementFiles(
  root: string,
  built: BuiltPlatform,
  attestor: Attestor,
  signal: AbortSignal,
): Promise<StatementFile[]> {
  if (attestor.asked.length === 0) return [];
  const subjects: StatementSubject[] = [];
  await digestFiles(root, '', subjects, signal);
  const statements = await attestor.statementsAbout(built, subjects);
  return statements.map((statement) => ({
    name: statement.predicateType === PROVENANCE ? 'provenance.json' : 'sbom.spdx.json',
    bytes: Buffer.from(JSON.stringify(statement, undefined, 2)),
  }));
}

async function digestFiles(root: string, path: string, found: StatementSubject[], signal: AbortSignal): Promise<void> {
  const entries = await readdir(join(root, path), { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    signal.throwIfAborted();
    // Not a text, which a statement could name.
    if (entry.name.includes('\ufffd')) continue;
    const name = path === '' ? entry.name : `${path}/${entry.name}`;
    if (entry.isDirectory()) await digestFiles(root, name, found, signal);
    else if (entry.isFile()) found.push({ name, digest: { sha256: await digestOf(join(root, name), signal) } });
  }
}

async function digestOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  for await (const chunk of createReadStream('', { fd: file, highWaterMark: 256 * 1024, signal }))
    hash.update(chunk as Buffer);
  return hash.digest('hex');
}
