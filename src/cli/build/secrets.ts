import { readFileSync, statSync } from 'node:fs';
import { LadingError, reasonOf } from '../../errors/index.ts';
import { UsageError } from '../usage-error.ts';
import { fieldsOf } from './typed-options.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** BuildKit's limit. */
const MAX_BYTES = 500 * 1024;
const TYPES = ['file', 'env'];

interface SecretSource {
  readonly id: string;
  readonly path?: string;
  readonly variable?: string;
}

/**
 * `--secret id=…[,src=…|env=…][,type=file|env]` as bytes by id, by buildx's rules: an id alone is a variable of that name, else a file of that
 * name. A variable that is not set is no secret at all.
 * @throws {UsageError} a field that means nothing; {LadingError} a file that cannot be read
 */
export function secretsOf(words: readonly string[], env: Environment): Record<string, Uint8Array> {
  const found: Record<string, Uint8Array> = {};
  for (const word of words) {
    const { id, path, variable } = sourceOf(word, env);
    const value = variable === undefined ? readSecret(id, path ?? id) : env[variable];
    if (value === undefined) continue;
    const bytes = Buffer.from(value as string);
    if (bytes.length > MAX_BYTES) throw tooBig(variable ?? path ?? id);
    found[id] = bytes;
  }
  return found;
}

function sourceOf(word: string, env: Environment): SecretSource {
  const fields = new Map<string, string>();
  for (const field of fieldsOf(word, 'secret')) {
    const at = field.indexOf('=');
    if (at < 0) throw new UsageError(`invalid field '${field}' must be a key=value pair`);
    const key = field.slice(0, at).toLowerCase();
    const name = key === 'source' ? 'src' : key;
    if (!['type', 'id', 'src', 'env'].includes(name)) throw new UsageError(`unexpected key '${key}' in '${field}'`);
    fields.set(name, field.slice(at + 1));
  }
  const { type = '', id = '', src = '', env: variable = '' } = Object.fromEntries(fields);
  if (type !== '' && !TYPES.includes(type)) throw new UsageError(`unsupported secret type "${type}"`);
  if (id === '') throw new UsageError(`invalid value "${word}" for --secret: secret missing ID`);
  if (variable !== '' || (type === 'env' && src !== '')) return { id, variable: variable || src };
  if (src !== '') return { id, path: src };
  return type !== 'file' && env[id] !== undefined ? { id, variable: id } : { id, path: id };
}

function readSecret(id: string, path: string): Uint8Array {
  try {
    if (statSync(path).size > MAX_BYTES) throw tooBig(path);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof LadingError) throw error;
    throw new LadingError('not_found', `cannot read secret "${id}": ${path}: ${reasonOf(error)}`, {
      hint: 'name its file with --secret id=…,src=FILE, or its variable with env=NAME',
    });
  }
}

function tooBig(name: string): UsageError {
  return new UsageError(`secret ${name} too big. max size 500KB`);
}
