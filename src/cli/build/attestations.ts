import type { BuildSettings } from '../../client/index.ts';
import type { FlagValues } from '../flags.ts';
import { UsageError } from '../usage-error.ts';
import { fieldsOf, parseTyped } from './typed-options.ts';

type Attestations = NonNullable<BuildSettings['attestations']>;
type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** `--attest type=…`, `--provenance …`, `--sbom …`; undefined when nothing was said. @throws {UsageError} */
export function attestations(
  flags: FlagValues,
  env: Readonly<Record<string, string | undefined>>,
): Attestations | undefined {
  let found: Writable<Attestations> | undefined;
  const add = (type: string, attrs: Readonly<Record<string, string>>): void => {
    const { form, ...rest } = attrs;
    if (form !== undefined && form !== 'referrers' && form !== 'index')
      throw new UsageError(`invalid attestation form "${form}": referrers or index is wanted`);
    found ??= {};
    if (type === 'sbom') found.sbom = sbomOf(rest);
    else found.provenance = provenanceOf(rest);
    if (form) found.form = form;
  };
  for (const text of flags.list('attest')) {
    const { type, attrs } = parseTyped(text, 'attest');
    if (type !== 'sbom' && type !== 'provenance') throw new UsageError(`invalid attestation type "${type}"`);
    add(type, attrs);
  }
  for (const type of ['provenance', 'sbom'] as const) {
    const text = flags.text(type);
    if (text !== undefined) add(type, shorthand(text, type));
  }
  // As buildx does.
  if (found?.provenance === undefined && env['BUILDX_NO_DEFAULT_ATTESTATIONS'] === '1')
    return { ...found, provenance: false };
  return found;
}

/** "true", "false", "max", or fields. */
function shorthand(text: string, flag: string): Record<string, string> {
  if (text === 'true' || text === '1') return {};
  if (text === 'false' || text === '0') return { disabled: 'true' };
  if (text === 'min' || text === 'max') return { mode: text };
  return Object.fromEntries(
    fieldsOf(text, flag).map((field) => {
      const at = field.indexOf('=');
      if (at < 0) throw new UsageError(`invalid value "${text}" for --${flag}`);
      return [field.slice(0, at), field.slice(at + 1)];
    }),
  );
}

function provenanceOf(attrs: Readonly<Record<string, string>>): NonNullable<Attestations['provenance']> {
  const { disabled, mode = 'min', ...rest } = attrs;
  if (disabled === 'true') return false;
  if (mode !== 'min' && mode !== 'max') throw new UsageError(`invalid provenance mode "${mode}": min or max is wanted`);
  return { mode, attrs: rest };
}

function sbomOf(attrs: Readonly<Record<string, string>>): NonNullable<Attestations['sbom']> {
  const { disabled, ...rest } = attrs;
  return disabled === 'true' ? false : { attrs: rest };
}
