const PIECES = [
  [
    'FROM ',
    'RUN',
    ' AS ',
    '--from=',
    '--mount=type=cache',
    '--',
    '<<EOF',
    '<<-"X"',
    '<<',
    '3<<E',
    'EOF',
    '\nEOF\n',
    'X',
  ],
  [
    ' ',
    '  ',
    '\n',
    '\r\n',
    '\r',
    '\t',
    '\v',
    '\\',
    '\\\\',
    '\\\n',
    '`',
    '#',
    '\n# comment\n',
    ',',
    ';',
    '&',
    '|',
    '%',
    '~',
    '!',
  ],
  [
    '$',
    '${',
    '}',
    '$HOME',
    '${PATH}',
    '${A:-b}',
    '${LADING_NEWLINE}',
    '$(id)',
    '"',
    '""',
    "'",
    "''",
    '=',
    'a=b',
    '"]',
    '["a"]',
    '[',
    '{',
  ],
  [
    '안',
    '\u{1f433}',
    '\u0085',
    '\u00a0',
    '\u2028',
    '\ufeff',
    '\u0001',
    '\u0002',
    '\u007f',
    'plain',
    '/path/to',
    '*.js',
    '0',
    '',
  ],
].flat();

/** A small reproducible generator (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A text made of what a Dockerfile, a shell, CSV or JSON might trip over. */
export function hostileText(random: () => number): string {
  return Array.from({ length: 1 + Math.floor(random() * 8) }, () => PIECES[Math.floor(random() * PIECES.length)]).join(
    '',
  );
}
