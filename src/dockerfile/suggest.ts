const MAX_DISTANCE = 2;

/** Adds " (did you mean X?)" to a reason when an option is near the value. */
export function withSuggestion(reason: string, value: string, options: readonly string[]): string {
  const best = nearest(value, options);
  return best === undefined ? reason : `${reason} (did you mean ${best}?)`;
}

/**
 * The option at most two edits away, as BuildKit finds it (of equally near ones, one with the same first letter);
 * an exact match means that the value was not the problem.
 */
export function nearest(value: string, options: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = MAX_DISTANCE + 1;
  for (const option of options) {
    if (option === value) return undefined;
    const distance = editDistance(value, option);
    const sooner = distance === bestDistance && option[0] === value[0] && best?.[0] !== value[0];
    if (distance <= MAX_DISTANCE && (distance < bestDistance || sooner)) [best, bestDistance] = [option, distance];
  }
  return best;
}

/** Levenshtein distance; only a lower bound when the lengths alone are too different. */
function editDistance(a: string, b: string): number {
  const gap = Math.abs(a.length - b.length);
  if (gap > MAX_DISTANCE) return gap;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? gap;
}
