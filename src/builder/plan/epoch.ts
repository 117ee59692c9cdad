import { LadingError } from '../../errors/index.ts';
import type { BuildArgs } from './build-args.ts';

const EPOCH = 'SOURCE_DATE_EPOCH';
/** The year 9999 ends. */
const MAX_SECONDS = 253_402_300_799;

/**
 * SOURCE_DATE_EPOCH in seconds: a number, or "context" for the time of the commit that is built. Whatever it was, stages that declare it see the number.
 * @param commitTime of a Git context, seconds; undefined when the context has no such time
 * @throws invalid_argument
 */
export async function settleEpoch(
  args: BuildArgs,
  commitTime: () => Promise<number | undefined>,
): Promise<number | undefined> {
  const text = args.given.get(EPOCH) ?? args.global.get(EPOCH) ?? '';
  if (text === '') return undefined;
  if (text !== 'context') return secondsOf(text);
  const seconds = await commitTime();
  args.override(EPOCH, seconds === undefined ? '' : String(seconds));
  return seconds;
}

function secondsOf(text: string): number {
  const seconds = /^\d{1,12}$/.test(text) ? Number(text) : NaN;
  if (seconds <= MAX_SECONDS) return seconds;
  throw new LadingError('invalid_argument', `invalid ${EPOCH}: "${text.slice(0, 100)}"`, {
    hint: 'give seconds since 1970, or "context" for the time of the commit that is built',
  });
}

/** RFC 3339, as image configs have it. */
export function formatEpoch(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
