import { parseCsv as parse } from '../../base/index.ts';
import { messageOf } from '../../errors/index.ts';
import { Problem } from '../dockerfile-error.ts';

/** One line of comma-separated values of a flag. @throws Problem */
export function parseCsv(line: string, what: string): string[] {
  try {
    return parse(line, what);
  } catch (error) {
    throw new Problem(messageOf(error));
  }
}
