import { parseCsv } from '../../base/index.ts';
import { messageOf } from '../../errors/index.ts';
import { UsageError } from '../usage-error.ts';

export interface TypedOptions {
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
}

/**
 * "type=local,dest=out" → its type and the other fields, keys in lower case. A text without "=" is `shorthand`'s to understand.
 * @throws {UsageError}
 */
export function parseTyped(
  text: string,
  flag: string,
  shorthand: (text: string) => TypedOptions | undefined = () => undefined,
): TypedOptions {
  const fields = fieldsOf(text, flag);
  const [only = ''] = fields;
  const short = fields.length === 1 && !only.includes('=') ? shorthand(only) : undefined;
  if (short) return short;
  const attrs: Record<string, string> = {};
  for (const field of fields) {
    const at = field.indexOf('=');
    if (at < 0) throw new UsageError(`invalid value ${text} for --${flag}: field "${field}" is not key=value`);
    attrs[field.slice(0, at).trim().toLowerCase()] = field.slice(at + 1);
  }
  const { type, ...rest } = attrs;
  if (type === undefined || type === '') throw new UsageError(`invalid value ${text} for --${flag}: type is required`);
  return { type, attrs: rest };
}

/** Comma-separated fields; quoted ones may hold commas. @throws {UsageError} */
export function fieldsOf(text: string, flag: string): string[] {
  try {
    return parseCsv(text, text);
  } catch (error) {
    throw new UsageError(`invalid value for --${flag}: ${messageOf(error)}`);
  }
}
