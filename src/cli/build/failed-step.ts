import type { Context } from '../command.ts';
import { followResize } from '../terminal/resize.ts';
import { startSession } from '../terminal/session.ts';

/** Whether a shell can be opened on this process's terminal. */
export function hasTerminal({ stdin, stdout }: Context): boolean {
  return stdin.isTTY && stdout.isTTY;
}

/** A shell in a failed step, on this terminal, until it is left. The build goes on to its end then. */
export async function openShell(context: Context, id: string): Promise<void> {
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
