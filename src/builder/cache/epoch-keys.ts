import type { TimesFound } from '../../archive/index.ts';
import { cacheKeyOf } from './build-cache.ts';
import type { StepInputs } from './cache-record.ts';

/** The keys a step may be found under. */
export interface StepKeys {
  /** Of all inputs but the epoch. */
  readonly plain: string;
  /** With the epoch, when there is one; else the same. */
  readonly own: string;
  /** What `own` is the digest of. */
  readonly inputs: StepInputs;
}

/** @param epoch SOURCE_DATE_EPOCH, seconds */
export function stepKeys(inputs: StepInputs, epoch: number | undefined): StepKeys {
  const plain = cacheKeyOf(inputs);
  if (epoch === undefined) return { plain, own: plain, inputs };
  const dated = { ...inputs, epoch };
  return { plain, own: cacheKeyOf(dated), inputs: dated };
}

export interface MadeStep {
  readonly layer?: unknown;
  readonly times?: TimesFound | undefined;
  /** What it copies gets exactly the epoch. */
  readonly isDated?: boolean;
}

/**
 * Whether a step made without an epoch, or with another one, gives the very layer it would give with this one: when it made none, or one whose
 * times all came with its sources and are not later. A layer with times of the machine's clock never does: on a fresh store they become the epoch.
 */
export function holdsForEpoch({ layer, times, isDated }: MadeStep, epoch: number): boolean {
  if (!layer) return true;
  return times !== undefined && !isDated && !times.clock && times.fractions !== true && (times.latest ?? 0) <= epoch;
}
