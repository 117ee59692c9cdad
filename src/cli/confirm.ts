import type { Context } from './command.ts';

/** Shows the warning and asks; anything but y is no. */
export async function confirm(context: Context, warning: string): Promise<boolean> {
  context.stdout.write(`WARNING! ${warning}\nAre you sure you want to continue? [y/N] `);
  let answer = '';
  for await (const chunk of context.stdin as AsyncIterable<Buffer>) {
    answer += chunk.toString('utf8');
    if (answer.includes('\n')) break;
  }
  return /^y(es)?$/i.test(answer.split('\n')[0]?.trim() ?? '');
}
