import { readFileSync } from 'node:fs';
import { messageOf } from '../../errors/index.ts';
import { UsageError } from '../usage-error.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** `--env-file` lines, then `--env`: "NAME" alone takes this process's value; without one it is left out of a file, and removes the image's variable when it is a flag. */
export function readEnvironment(files: readonly string[], words: readonly string[], host: Environment): string[] {
  const fromFiles = files.flatMap((file) => readLines(file).map((line) => resolveName(line, host)));
  const fromWords = words.map((word) => {
    if (word === '' || word.startsWith('='))
      throw new UsageError(`invalid argument "${word}" for "-e, --env" flag: invalid environment variable: ${word}`);
    // Sent bare, it takes the image's variable away.
    return resolveName(word, host) ?? word;
  });
  return [...fromFiles.filter((entry) => entry !== undefined), ...fromWords];
}

/** Lines of a label file: "key=value" or "key". */
export function readLabelFiles(files: readonly string[]): string[] {
  return files.flatMap(readLines);
}

function resolveName(word: string, host: Environment): string | undefined {
  if (word.includes('=')) return word;
  const value = host[word];
  return value === undefined ? undefined : `${word}=${value}`;
}

function readLines(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`open ${file}: ${messageOf(error)}`);
  }
  const lines = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trimStart());
  const kept = lines.filter((line) => line !== '' && !line.startsWith('#'));
  for (const line of kept) {
    const name = line.split('=')[0] ?? '';
    if (name === '') throw new UsageError(`invalid env file (${file}): no variable name on line '${line}'`);
    if (/\s/.test(name)) throw new UsageError(`invalid env file (${file}): variable '${name}' contains whitespaces`);
  }
  return kept;
}
