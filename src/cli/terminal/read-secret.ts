import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Context } from '../command.ts';

/** Asks a question on the terminal; a secret answer is not shown. */
export async function readSecret(context: Context, question: string, secret: boolean): Promise<string> {
  const output = secret ? new Writable({ write: (_chunk, _encoding, done) => done() }) : context.stdout;
  const lines = createInterface({ input: context.stdin, output, terminal: true });
  try {
    if (secret) context.stdout.write(question);
    const answer = await lines.question(secret ? '' : question);
    if (secret) context.stdout.write('\n');
    return answer.trim();
  } finally {
    lines.close();
  }
}
