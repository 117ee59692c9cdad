import { utimesAt } from '../../sys/index.ts';
import { nativePath } from '../byte-text.ts';
import { secondsOf } from './entry-header.ts';

export interface TimesOptions {
  /** SOURCE_DATE_EPOCH, seconds: what is later, and what the step's own clock made, becomes it. */
  readonly epoch?: number;
  /** Milliseconds since 1970 by this machine's clock: when what made the folder began. */
  readonly since?: number;
}

/** What the modification times of a layer are made of. */
export interface TimesFound {
  /** Some came from the clock of the machine while the layer was made. */
  readonly clock: boolean;
  /** Some of the others had fractions of a second, which the layer does not hold; with an epoch its folder does not either. */
  readonly fractions?: true;
  /** The latest of the others, seconds, before anything was changed; absent when there are none. */
  readonly latest?: number;
}

/** The kernel stamps files by a clock that is up to a tick behind the one programs read. */
const TICK_NS = 20_000_000n;

/** Settles the times of a layer's entries, in the layer and in its folder alike, and notes what they were. */
export class LayerTimes {
  readonly #epoch: number | undefined;
  readonly #since: bigint | undefined;
  #clock = false;
  #fractions = false;
  #latest: number | undefined;

  constructor({ epoch, since }: TimesOptions) {
    this.#epoch = epoch;
    this.#since = since === undefined ? undefined : BigInt(Math.floor(since)) * 1_000_000n - TICK_NS;
  }

  get found(): TimesFound {
    const fractions = this.#fractions ? ({ fractions: true } as const) : {};
    return { clock: this.#clock, ...fractions, ...(this.#latest === undefined ? {} : { latest: this.#latest }) };
  }

  /** @returns the entry's time in whole seconds; with an epoch the entry itself has exactly that time afterwards */
  settle(folder: number, base: string, mtimeNs: bigint): number {
    const seconds = secondsOf(mtimeNs);
    const byClock = this.#since !== undefined && mtimeNs >= this.#since;
    if (!byClock && mtimeNs % 1_000_000_000n !== 0n) this.#fractions = true;
    if (byClock) this.#clock = true;
    else if (this.#latest === undefined || seconds > this.#latest) this.#latest = seconds;
    if (this.#epoch === undefined) return seconds;
    const settled = byClock ? this.#epoch : Math.min(seconds, this.#epoch);
    if (BigInt(settled) * 1_000_000_000n !== mtimeNs) utimesAt(folder, nativePath(base), { sec: settled, nsec: 0 });
    return settled;
  }
}
