const CONTEXT = 3;
/** Beyond this many comparisons what differs is shown as one piece. */
const MAX_CELLS = 20_000_000;

interface Line {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** The difference of two texts as `diff -u` prints it; "" when they are equal. */
export function unifiedDiff(before: string, after: string, name: string): string {
  if (before === after) return '';
  const lines = diffLines(splitLines(before), splitLines(after));
  return `--- ${name}\n+++ ${name}\n${hunksOf(lines).join('')}`;
}

/** Lines with their breaks. */
function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function diffLines(a: readonly string[], b: readonly string[]): Line[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const same = (text: string): Line => ({ sign: ' ', text });
  const middle = diffMiddle(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return [...a.slice(0, start).map(same), ...middle, ...a.slice(a.length - end).map(same)];
}

/** By the longest common subsequence. */
function diffMiddle(a: readonly string[], b: readonly string[]): Line[] {
  if (a.length * b.length > MAX_CELLS)
    return [...a.map((text): Line => ({ sign: '-', text })), ...b.map((text): Line => ({ sign: '+', text }))];
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      lengths[i * width + j] =
        a[i] === b[j]
          ? (lengths[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(lengths[(i + 1) * width + j] ?? 0, lengths[i * width + j + 1] ?? 0);
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [left = '', right = ''] = [a[i], b[j]];
    if (i < a.length && j < b.length && left === right) {
      lines.push({ sign: ' ', text: left });
      i++;
      j++;
    } else if (
      j >= b.length ||
      (i < a.length && (lengths[(i + 1) * width + j] ?? 0) >= (lengths[i * width + j + 1] ?? 0))
    ) {
      lines.push({ sign: '-', text: left });
      i++;
    } else {
      lines.push({ sign: '+', text: right });
      j++;
    }
  }
  return lines;
}

function hunksOf(lines: readonly Line[]): string[] {
  const hunks: string[] = [];
  let [oldLine, newLine] = [1, 1];
  let from = 0;
  while (from < lines.length) {
    const first = lines.findIndex(({ sign }, index) => index >= from && sign !== ' ');
    if (first < 0) break;
    const start = Math.max(from, first - CONTEXT);
    for (const { sign } of lines.slice(from, start)) [oldLine, newLine] = advance(oldLine, newLine, sign);
    const end = hunkEnd(lines, first);
    const part = lines.slice(start, end);
    const [olds, news] = [
      part.filter(({ sign }) => sign !== '+').length,
      part.filter(({ sign }) => sign !== '-').length,
    ];
    hunks.push(`@@ -${range(oldLine, olds)} +${range(newLine, news)} @@\n${part.map(show).join('')}`);
    for (const { sign } of part) [oldLine, newLine] = advance(oldLine, newLine, sign);
    from = end;
  }
  return hunks;
}

/** Behind the last change that is near, with its context. */
function hunkEnd(lines: readonly Line[], first: number): number {
  let last = first;
  for (let at = first; at < lines.length && at - last <= 2 * CONTEXT; at++) if (lines[at]?.sign !== ' ') last = at;
  return Math.min(lines.length, last + 1 + CONTEXT);
}

function advance(oldLine: number, newLine: number, sign: Line['sign']): [number, number] {
  return [oldLine + (sign === '+' ? 0 : 1), newLine + (sign === '-' ? 0 : 1)];
}

function range(start: number, count: number): string {
  if (count === 1) return String(start);
  return `${count === 0 ? start - 1 : start},${count}`;
}

function show({ sign, text }: Line): string {
  return text.endsWith('\n') ? sign + text : `${sign}${text}\n\\ No newline at end of file\n`;
}
