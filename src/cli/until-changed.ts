import { isLadingError } from '../errors/index.ts';

/** A state that is already there is no failure (start when started, stop when stopped). */
export async function untilChanged(action: Promise<void>): Promise<void> {
  await action.catch((error: unknown) => {
    if (!isLadingError(error, 'not_modified')) throw error;
  });
}
