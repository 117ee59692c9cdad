import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../command.ts';

const TRIES = 10;
const RETRY_MS = 10;

/** Rows and columns of this terminal, as Docker's ConsoleSize. */
export function consoleSize(context: Context): [number, number] | undefined {
  const { rows, columns, isTTY } = context.stdout;
  return isTTY ? [rows, columns] : undefined;
}

/** Sends the terminal's size now and whenever it changes; the returned function stops that. */
export function followResize(context: Context, send: (size: { h: number; w: number }) => Promise<void>): () => void {
  const { stdout } = context;
  if (!stdout.isTTY) return () => undefined;
  const now = (): Promise<void> => send({ h: stdout.rows, w: stdout.columns });
  const onResize = (): void => void now().catch(() => undefined);
  void firstResize(now);
  stdout.on('resize', onResize);
  return () => void stdout.off('resize', onResize);
}

/** The process may be a moment away from having its terminal. */
async function firstResize(send: () => Promise<void>): Promise<void> {
  for (let left = TRIES; left > 0; left--) {
    try {
      return await send();
    } catch {
      await sleep(RETRY_MS);
    }
  }
}
