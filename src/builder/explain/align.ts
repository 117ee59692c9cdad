/** A step as the Dockerfile has it. */
export interface PlannedStep {
  readonly kind: string;
  readonly text: string;
}

const MAX_STEPS = 400;
const SAME_TEXT = 1000;
const SAME_KIND = 0.1;

/**
 * For each step the one it was in an earlier list: the same text, else in between the most similar of the same kind. Order is kept,
 * so that an inserted step has none.
 */
export function alignSteps(before: readonly PlannedStep[], now: readonly PlannedStep[]): (number | undefined)[] {
  if (before.length > MAX_STEPS || now.length > MAX_STEPS)
    return now.map(({ text }, i) => (before[i]?.text === text ? i : undefined));
  const weights = now.map((step) => before.map((earlier) => weightOf(earlier, step)));
  const best = bestSums(weights, before.length);
  const aligned: (number | undefined)[] = now.map(() => undefined);
  for (let i = 0, j = 0; i < now.length && j < before.length;) {
    const weight = weights[i]![j]!;
    const here = best[i]![j]!;
    if (weight > 0 && here === weight + best[i + 1]![j + 1]!) aligned[i++] = j++;
    else if (here === best[i + 1]![j]!) i++;
    else j++;
  }
  return aligned;
}

/** The largest sum of weights of ordered pairs from (i, j) on. */
function bestSums(weights: readonly (readonly number[])[], width: number): number[][] {
  const sums = Array.from({ length: weights.length + 1 }, () => Array.from({ length: width + 1 }, () => 0));
  for (let i = weights.length - 1; i >= 0; i--)
    for (let j = width - 1; j >= 0; j--) {
      const weight = weights[i]![j]!;
      const paired = weight > 0 ? weight + sums[i + 1]![j + 1]! : 0;
      sums[i]![j] = Math.max(paired, sums[i + 1]![j]!, sums[i]![j + 1]!);
    }
  return sums;
}

function weightOf(before: PlannedStep, now: PlannedStep): number {
  if (before.text === now.text) return SAME_TEXT;
  return classOf(before.kind) === classOf(now.kind) ? SAME_KIND + similarity(before.text, now.text) : 0;
}

/** COPY and ADD may become one another. */
function classOf(kind: string): string {
  return kind === 'add' ? 'copy' : kind;
}

/** Share of what both begin and end with, 0 to 1. */
function similarity(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  let head = 0;
  while (head < shorter && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < shorter - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  return (head + tail) / Math.max(a.length, b.length, 1);
}
