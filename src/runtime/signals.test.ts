import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { signalNumber } from './signals.ts';

describe('signalNumber()', () => {
  const cases: [string | number, number][] = [
    ['KILL', 9],
    ['SIGTERM', 15],
    ['sigterm', 15],
    ['9', 9],
    [1, 1],
    ['RTMIN', 34],
    ['SIGRTMIN+3', 37],
    ['RTMAX-1', 63],
  ];
  for (const [text, number] of cases) it(`takes ${text} for ${number}`, () => assert.equal(signalNumber(text), number));
  for (const text of ['', 'NOPE', '0', '65', '-1'])
    it(`refuses "${text}"`, () =>
      assert.throws(() => signalNumber(text), { code: 'invalid_argument', message: `Invalid signal: ${text}` }));
});
