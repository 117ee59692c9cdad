import { LadingError } from '../../errors/index.ts';
import {
  type FirewallNetwork,
  type PublishedPort,
  renderDelete,
  renderPublish,
  renderTable,
  renderUnpublish,
} from './nft-script.ts';
import { runNftScript } from './nft.ts';

/** Everything the table must hold, read when it is rendered. */
export interface FirewallState {
  networks(): readonly FirewallNetwork[];
  ports(): readonly PublishedPort[];
}

/**
 * lading's one nft table. Changes run one after the other, and those that wait together go in one call.
 * The table is always either what the state says or on its way there: whatever fails as a small change is repaired by writing the whole table.
 */
export class Firewall {
  readonly #table: string;
  readonly #state: FirewallState;
  readonly #run: (script: string) => Promise<void>;
  #waiting: { readonly script: string; readonly done: PromiseWithResolvers<void> }[] = [];
  #working: Promise<void> | undefined;
  /** Whether this process has written the table. */
  #written = false;

  constructor(table: string, state: FirewallState, run: (script: string) => Promise<void> = runNftScript) {
    if (!/^[a-z][a-z0-9_-]{0,40}$/.test(table))
      throw new LadingError('invalid_argument', `name a firewall table: "${table}"`);
    this.#table = table;
    this.#state = state;
    this.#run = run;
  }

  /** Writes the table unless this process has done so. */
  async ensure(): Promise<void> {
    if (!this.#written) await this.rewrite();
  }

  /** Writes the whole table as the state says. */
  rewrite(): Promise<void> {
    this.#written = false;
    return this.#enqueue('');
  }

  /** The state must have the ports already. */
  publish(ports: readonly PublishedPort[]): Promise<void> {
    return this.#enqueue(renderPublish(this.#table, ports));
  }

  /** The state must have dropped the ports already. */
  unpublish(ports: readonly PublishedPort[]): Promise<void> {
    return this.#enqueue(renderUnpublish(this.#table, ports));
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#working;
  }

  async delete(): Promise<void> {
    await this.#working;
    this.#written = false;
    await this.#run(renderDelete(this.#table));
  }

  #enqueue(script: string): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ script, done });
    this.#working ??= this.#work();
    return done.promise;
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#apply(batch.map(({ script }) => script).join(''));
        for (const { done } of batch) done.resolve();
      } catch (error) {
        for (const { done } of batch) done.reject(error);
      }
    }
    // Here and not when the promise settles: a caller that goes on in between must not add to a queue nobody works on.
    this.#working = undefined;
  }

  async #apply(changes: string): Promise<void> {
    if (this.#written) {
      try {
        if (changes !== '') await this.#run(changes);
        return;
      } catch {
        // somebody flushed the table, or it never had these elements
      }
    }
    await this.#run(renderTable(this.#table, this.#state.networks(), this.#state.ports()));
    this.#written = true;
  }
}
