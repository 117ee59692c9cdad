import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alignSteps, type PlannedStep } from './align.ts';

/** "COPY a /" → a copy. */
const steps = (...texts: string[]): PlannedStep[] =>
  texts.map((text) => ({ kind: text.split(' ')[0]!.toLowerCase(), text }));

const CASES: readonly (readonly [name: string, before: string[], now: string[], aligned: (number | undefined)[]])[] = [
  ['the same', ['RUN a', 'RUN b'], ['RUN a', 'RUN b'], [0, 1]],
  ['an edit', ['RUN a', 'RUN make one', 'RUN b'], ['RUN a', 'RUN make two', 'RUN b'], [0, 1, 2]],
  ['an insertion', ['RUN a', 'RUN b'], ['RUN a', 'COPY x /', 'RUN b'], [0, undefined, 1]],
  ['an insertion of the same kind', ['RUN a', 'RUN b'], ['RUN a', 'RUN x', 'RUN b'], [0, undefined, 1]],
  ['a deletion', ['RUN a', 'RUN x', 'RUN b'], ['RUN a', 'RUN b'], [0, 2]],
  ['a step twice', ['RUN a'], ['RUN a', 'RUN a'], [0, undefined]],
  ['a new step beside an edited one', ['RUN make all'], ['RUN x', 'RUN make some'], [undefined, 0]],
  ['another kind in its place', ['RUN a'], ['WORKDIR /a'], [undefined]],
  ['ADD for COPY', ['COPY a /'], ['ADD a /'], [0]],
  ['nothing before', [], ['RUN a'], [undefined]],
];

for (const [name, before, now, aligned] of CASES)
  test(`alignSteps() finds the counterparts of ${name}`, () => {
    assert.deepEqual(alignSteps(steps(...before), steps(...now)), aligned);
  });

test('alignSteps() takes thousands of steps by their places', () => {
  const many = steps(...Array.from({ length: 5000 }, (_, i) => `RUN ${i}`));
  assert.deepEqual(alignSteps(many, many).slice(0, 3), [0, 1, 2]);
});
