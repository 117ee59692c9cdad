import { Problem } from '../dockerfile-error.ts';
import { withSuggestion } from '../suggest.ts';
import { cut } from '../text.ts';

export type FlagType = 'boolean' | 'string' | 'strings';

type FlagValue<T extends FlagType> = T extends 'boolean' ? boolean : T extends 'string' ? string : string[];

/** Only flags that were given are present. */
export type Flags<Spec extends Record<string, FlagType>> = { [Name in keyof Spec]?: FlagValue<Spec[Name]> };

/** Reads `--name` and `--name=value` words against the flags an instruction knows. */
export function parseFlags<const Spec extends Record<string, FlagType>>(
  words: readonly string[],
  spec: Spec,
): Flags<Spec> {
  const values: Record<string, boolean | string | string[]> = {};
  for (const word of words) {
    const { before: flag, after: value } = cut(word, '=');
    const name = flag.slice(2);
    const type = Object.hasOwn(spec, name) ? spec[name] : undefined;
    if (type === undefined) throw new Problem(withSuggestion(`unknown flag: ${flag}`, name, Object.keys(spec)), flag);
    const present = values[name];
    if (present !== undefined && type !== 'strings') throw new Problem(`duplicate flag specified: ${flag}`, flag);
    values[name] = type === 'boolean' ? toBoolean(flag, value) : appended(present, needed(flag, value), type);
  }
  return values as Flags<Spec>;
}

function appended(present: boolean | string | string[] | undefined, value: string, type: FlagType): string | string[] {
  if (type === 'string') return value;
  return Array.isArray(present) ? [...present, value] : [value];
}

function needed(flag: string, value: string | undefined): string {
  if (value === undefined) throw new Problem(`missing a value on flag: ${flag}`, flag);
  return value;
}

function toBoolean(flag: string, value: string | undefined): boolean {
  if (value === '') throw new Problem(`missing a value on flag: ${flag}`, flag);
  const word = value?.toLowerCase() ?? 'true';
  if (word === 'true' || word === 'false') return word === 'true';
  throw new Problem(`expecting boolean value for flag ${flag}, not: ${value}`, flag);
}
