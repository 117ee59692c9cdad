/** Characters of East Asian width W and F (Unicode 16, by block), which a terminal shows two columns wide. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x20000, 0x3fffd],
];
const NARROW_TEXT = /^[\x20-\x7e]*$/;
const NO_COLUMN = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const EMOJI = /^\p{Emoji_Presentation}$/u;

/** Cuts or pads a text to exactly so many columns of a terminal; what was cut ends in "…". */
export function fitColumns(text: string, columns: number): string {
  if (NARROW_TEXT.test(text)) return text.length > columns ? `${text.slice(0, columns - 1)}…` : text.padEnd(columns);
  const characters = [...text].map((character) => ({ character, width: widthOf(character) }));
  const whole = characters.reduce((sum, { width }) => sum + width, 0);
  if (whole <= columns) return text + ' '.repeat(columns - whole);
  let used = 0;
  const kept = characters.slice(
    0,
    characters.findIndex(({ width }) => (used += width) > columns - 1),
  );
  const keptWidth = kept.reduce((sum, { width }) => sum + width, 0);
  return `${kept.map(({ character }) => character).join('')}…${' '.repeat(columns - 1 - keptWidth)}`;
}

function widthOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (NO_COLUMN.test(character)) return 0;
  return EMOJI.test(character) || WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}
