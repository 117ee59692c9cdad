import { Problem } from '../dockerfile-error.ts';
import { withSuggestion } from '../suggest.ts';
import { cut } from '../text.ts';
import { parseCsv } from './csv.ts';
import { parseGoBoolean } from './go-values.ts';

/** `RUN --device=name[,required]`: a CDI device. */
export interface RunDevice {
  readonly name: string;
  readonly required: boolean;
}

export function parseDevice(spec: string): RunDevice {
  let name = '';
  let required = false;
  for (const field of parseCsv(spec, 'devices')) {
    const { before, after: value } = cut(field, '=');
    const key = before.toLowerCase();
    if (key === 'required') required = value === undefined || toBoolean(key, value);
    else if (key === 'name' && value !== undefined) {
      if (name !== '') throw new Problem(`device name already set to ${name}`);
      name = value;
    } else if (name === '') name = field;
    else if (value === undefined) throw new Problem(`invalid field '${field}' must be a key=value pair`, field);
    else throw new Problem(withSuggestion(`unexpected key '${key}' in '${field}'`, key, ['name', 'required']), field);
  }
  return { name, required };
}

function toBoolean(key: string, value: string): boolean {
  const parsed = parseGoBoolean(value);
  if (parsed === undefined) throw new Problem(`invalid value for ${key}: ${value}`, value);
  return parsed;
}
