/** A line break wherever words are expanded: the language has no way to write one. lading's word lexer knows it, Docker's does not. */
export const NEWLINE = '${LADING_NEWLINE}';
