import type { BuildRecord, BuildRun, LogPiece, RecordedStep } from '../api/index.ts';
import { pathOf, type Caller } from './caller.ts';

export type { BuildRecord, BuildRun, LogPiece, RecordedStep, RunStep } from '../api/index.ts';

/** `/lading/builds`: what earlier builds did. */
export class BuildsApi {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Newest first. */
  list(name?: string): Promise<BuildRecord[]> {
    return this.#caller.json('GET', '/lading/builds', { query: { name } });
  }

  /** By id, prefix, name or "latest"; `previous` is the build of the same name before it. */
  get(ref: string): Promise<{ record: BuildRecord; previous: BuildRecord | null }> {
    return this.#caller.json('GET', `/lading/builds/${pathOf(ref)}`);
  }

  remove(ref: string): Promise<{ id: string }> {
    return this.#caller.json('DELETE', `/lading/builds/${pathOf(ref)}`);
  }

  /** The last build of a name, a tag or an image ID (without one, of all): why its steps were not cached. */
  why(build?: string): Promise<BuildRun> {
    return this.#caller.json('GET', '/lading/cache/why', { query: { build } });
  }

  /** Each step's heading, then its pieces. */
  log(ref: string, step?: number): AsyncGenerator<{ step: RecordedStep } | LogPiece> {
    return this.#caller.ndjson('GET', `/lading/builds/${pathOf(ref)}/log`, { query: { step } });
  }
}
