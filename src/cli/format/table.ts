const MIN_WIDTH = 10;
const PADDING = 3;

/** Lines of cells as Docker's tabwriter aligns them: columns of at least 10, three blanks apart, the last one ragged. */
export function formatTable(lines: readonly (readonly string[])[], minWidth: number = MIN_WIDTH): string {
  const widths: number[] = [];
  for (const cells of lines)
    for (const [column, cell] of cells.slice(0, -1).entries())
      widths[column] = Math.max(widths[column] ?? minWidth, [...cell].length + PADDING);
  const pad = (cell: string, column: number): string => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length);
  return lines
    .map((cells) => `${cells.map((cell, at) => (at === cells.length - 1 ? cell : pad(cell, at))).join('')}\n`)
    .join('');
}
