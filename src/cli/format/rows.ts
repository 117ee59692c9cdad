import type { Context } from '../command.ts';
import { formatTable } from './table.ts';

/** A field of a listing: what `{{.Name}}` gives and the heading of its column. */
export interface Field<T> {
  readonly header: string;
  readonly value: (item: T) => unknown;
  /** Left out of `--format json`. */
  readonly method?: boolean;
}
export type Fields<T> = Readonly<Record<string, Field<T>>>;

export interface RowsOptions<T> {
  readonly fields: Fields<T>;
  /** Fields of the default table. */
  readonly columns: readonly string[];
  /** `--format`: "table", "table TEMPLATE", "json" or a template. */
  readonly format?: string | undefined;
  /** Field printed alone by `--quiet`. */
  readonly quiet?: string | undefined;
}

/** Prints a listing the way Docker's formatter does. */
export async function printRows<T>(context: Context, items: readonly T[], options: RowsOptions<T>): Promise<void> {
  context.stdout.write(await formatRows(items, options));
}

export async function formatRows<T>(items: readonly T[], options: RowsOptions<T>): Promise<string> {
  const { fields, columns, format, quiet } = options;
  const custom = format !== undefined && format !== '' && format !== 'table';
  if (!custom && quiet !== undefined) return items.map((item) => `${valueOf(fields, quiet, item)}\n`).join('');
  if (!custom) {
    const header = columns.map((name) => fields[name]?.header ?? name);
    return formatTable([header, ...items.map((item) => columns.map((name) => String(valueOf(fields, name, item))))]);
  }
  if (format === 'json') return items.map((item) => `${sortedJson(item, fields)}\n`).join('');
  const { compileTemplate } = await import('./template/index.ts');
  const asTable = format.startsWith('table ');
  const source = unescapeShell(asTable ? format.slice('table '.length) : format);
  const template = compileTemplate(source);
  const lines = items.map((item) => template(record(item, fields)));
  if (!asTable) return lines.map((line) => `${line}\n`).join('');
  const header = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, headerOf(name, field)]));
  return formatTable([template(header), ...lines].map((line) => line.split('\t')));
}

function valueOf<T>(fields: Fields<T>, name: string, item: T): unknown {
  return fields[name]?.value(item);
}

function headerOf<T>(name: string, field: Field<T>): unknown {
  return field.method === true ? () => field.header : field.header || name.toUpperCase();
}

function record<T>(item: T, fields: Fields<T>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value(item)]));
}

/** Go sorts a map's keys and escapes HTML. */
function sortedJson<T>(item: T, fields: Fields<T>): string {
  const names = Object.keys(fields).filter((name) => fields[name]?.method !== true);
  const sorted = Object.fromEntries(names.sort().map((name) => [name, valueOf(fields, name, item)]));
  return JSON.stringify(sorted).replace(
    /[<>&]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** `\t` and `\n` as they are typed inside single quotes. */
function unescapeShell(format: string): string {
  return format.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
}
