import { LadingError } from '../../errors/index.ts';

/** New permission bits from old ones. */
export type ModeChange = (mode: number, isFolder: boolean) => number;

const WHO: Readonly<Record<string, readonly number[]>> = { u: [6], g: [3], o: [0], a: [6, 3, 0] };
const CLAUSE = /^([ugoa]*)([-+=])([rwxX]*)$/;

/** --chmod: octal ("755", "0o755" is refused) or symbolic ("u=rwX,go=rX"). @throws invalid_argument */
export function parseMode(text: string): ModeChange {
  if (isOctal(text)) {
    const bits = Number.parseInt(text, 8);
    return () => bits;
  }
  const clauses = text.split(',').map((clause) => {
    const match = CLAUSE.exec(clause);
    if (!match)
      throw new LadingError(
        'invalid_argument',
        `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
      );
    const shifts = [...(match[1] || 'a')].flatMap((who) => WHO[who] ?? []);
    return { shifts, operator: match[2]!, letters: match[3]! };
  });
  return (mode, isFolder) => clauses.reduce((bits, clause) => applyClause(bits, clause, isFolder), mode);
}

/** Whether all files get the same permissions, whatever theirs are. */
export function isOctal(text: string | undefined): boolean {
  return text !== undefined && /^[0-7]{1,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777;
}

function applyClause(
  mode: number,
  clause: { shifts: number[]; operator: string; letters: string },
  isFolder: boolean,
): number {
  const execute = clause.letters.includes('x') || (clause.letters.includes('X') && (isFolder || (mode & 0o111) !== 0));
  const bits = (clause.letters.includes('r') ? 4 : 0) | (clause.letters.includes('w') ? 2 : 0) | (execute ? 1 : 0);
  let result = mode;
  for (const shift of clause.shifts) {
    if (clause.operator === '=') result &= ~(0o7 << shift);
    if (clause.operator === '-') result &= ~(bits << shift);
    else result |= bits << shift;
  }
  return result;
}
