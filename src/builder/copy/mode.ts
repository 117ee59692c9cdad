import { LadingError } from '../../errors/index.ts';

/** New permission bits from old ones. */
export type ModeChange = (mode: number, isFolder: boolean) => number;

const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o0007, a: 0o6777 };
const PERMISSIONS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000, t: 0o1000 };
const CLASSES = [6, 3, 0];
const CLAUSE = /^([ugoa]*)((?:[-+=][rwxXstugo]*)+)$/;
const ACTION = /([-+=])([rwxXstugo]*)/g;
/** What happens one after the other. */
const LETTERS = /[rwxXst]+|[ugo]/g;

interface Action {
  /** Bits that may change; 0 when nobody is named. */
  readonly who: number;
  readonly operator: string;
  /** Permissions, or one class whose permissions are copied. */
  readonly letters: string;
}

/** --chmod: octal ("755", "0o755" is refused) or symbolic as of chmod(1) ("u=rwX,go=rX"), where "=" takes away set-id bits, too. @throws invalid_argument */
export function parseMode(text: string): ModeChange {
  if (isOctal(text)) {
    const bits = Number.parseInt(text, 8);
    return () => bits;
  }
  const actions = text.split(',').flatMap((clause): Action[] => {
    const match = CLAUSE.exec(clause);
    if (!match)
      throw new LadingError(
        'invalid_argument',
        `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
      );
    const who = [...match[1]!].reduce((bits, letter) => bits | WHO[letter]!, 0);
    return [...match[2]!.matchAll(ACTION)].flatMap(([, operator, letters]) =>
      (letters!.match(LETTERS) ?? ['']).map((one) => ({ who, operator: operator!, letters: one })),
    );
  });
  return (mode, isFolder) => {
    const isExecutable = isFolder || (mode & 0o111) !== 0;
    return actions.reduce((bits, action) => apply(bits, action, isExecutable), mode);
  };
}

/** Whether all files get the same permissions, whatever theirs are. */
export function isOctal(text: string | undefined): boolean {
  return text !== undefined && /^[0-7]{1,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777;
}

function apply(mode: number, { who, operator, letters }: Action, isExecutable: boolean): number {
  const isCopy = WHO[letters] !== undefined;
  // For others there are neither set-id bits nor a sticky one.
  const own = who === 0 || (who & ~0o007) !== 0 ? letters : letters.replace(/[st]/g, '');
  const bits = isCopy
    ? copyOf(mode, letters)
    : [...own].reduce((all, letter) => all | permissionOf(letter, operator, isExecutable), 0);
  // Copying leaves set-id bits alone.
  const affected = ((who || 0o6777) | (own.includes('t') ? 0o1000 : 0)) & (isCopy ? 0o777 : 0o7777);
  if (operator === '-') return mode & ~(bits & affected);
  return (operator === '=' ? mode & ~affected : mode) | (bits & affected);
}

function permissionOf(letter: string, operator: string, isExecutable: boolean): number {
  if (letter === 'X') return isExecutable || operator === '-' ? 0o111 : 0;
  return PERMISSIONS[letter] ?? 0;
}

/** What one class may do, for all three. */
function copyOf(mode: number, from: string): number {
  const own = (mode >> CLASSES['ugo'.indexOf(from)]!) & 7;
  return CLASSES.reduce((bits, shift) => bits | (own << shift), 0);
}
