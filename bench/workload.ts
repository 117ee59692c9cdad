import type { BenchEngine } from './engines.ts';

/** One command measured on every engine that has its verb. */
export interface Workload {
  readonly name: string;
  readonly verb: string;
  /** Repetitions, unless --reps says otherwise. */
  readonly reps: number;
  /** Not measured, before each repetition. */
  prepare?(engine: BenchEngine, repetition: number): void;
  args(engine: BenchEngine): string[];
}
