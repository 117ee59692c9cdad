import type { BuildEvent } from '../../client/index.ts';
import { isLadingError } from '../../errors/index.ts';
import type { Context } from '../command.ts';
import type { BuildDisplay } from '../progress/build-display.ts';
import { followResize } from '../terminal/resize.ts';
import { startSession } from '../terminal/session.ts';

/** Whether a shell can be opened on this process's terminal. */
export function hasTerminal({ stdin, stdout }: Context): boolean {
  return stdin.isTTY && stdout.isTTY;
}

/** The shells of a build: one after the other on this terminal, while what the build tells waits. */
export class FailedStepShells {
  readonly #context: Context;
  readonly #display: BuildDisplay;
  #held: BuildEvent[] = [];
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(context: Context, display: BuildDisplay) {
    this.#context = context;
    this.#display = display;
  }

  /** Shows an event now, or when the terminal is free again. */
  show(event: BuildEvent): void {
    if (this.#waiting > 0) this.#held.push(event);
    else this.#display.show(event);
    if (event.kind === 'debug') this.#open(event.id);
  }

  /** Resolves when the last shell was left. */
  async ended(): Promise<void> {
    await this.#last;
  }

  #open(id: string): void {
    if (this.#waiting++ === 0) this.#display.suspend?.();
    this.#last = this.#last.then(() => openShell(this.#context, id).catch(ignoreGone)).then(() => this.#left());
  }

  #left(): void {
    if (--this.#waiting > 0) return;
    this.#display.resume?.();
    for (const event of this.#held.splice(0)) this.#display.show(event);
  }
}

/** A step is released while its shell waits for another one when the build has ended meanwhile. */
function ignoreGone(error: unknown): void {
  if (!isLadingError(error, 'not_found')) throw error;
}

/** A shell in a failed step, on this terminal, until it is left. */
async function openShell(context: Context, id: string): Promise<void> {
  const { images } = context.client;
  const { rows, columns } = context.stdout;
  const socket = await images.failedStepShell(id, { h: rows, w: columns });
  const session = startSession(context, socket, { tty: true, stdin: true, detachKeys: '' });
  const stopResize = followResize(context, (size) => images.failedStepResize(id, size));
  try {
    await session.ended;
  } finally {
    stopResize();
    session.close();
  }
}
