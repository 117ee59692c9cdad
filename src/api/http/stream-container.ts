import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Attachment } from '../../runtime/index.ts';
import { DetachScanner } from './detach-keys.ts';
import type { Hijacked } from './hijack.ts';
import { writeChunk, type StreamName } from './multiplex.ts';

export interface StreamOptions {
  readonly tty: boolean;
  /** Which outputs the client wants. */
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly detachKeys: Buffer;
}

/**
 * Joins a hijacked connection and a container's streams until the container ends, the client goes, or the detach keys
 * are typed. The client's half close is end of file for the container. Lets go of the attachment at the end.
 */
export async function streamContainer(
  connection: Hijacked,
  attachment: Attachment,
  options: StreamOptions,
): Promise<void> {
  const { output } = connection;
  const gone = new AbortController();
  const stop = (): void => gone.abort();
  output.once('close', stop).once('error', stop);
  if (output.destroyed) stop();
  void forwardInput(connection.input, attachment, options, gone).catch(stop);
  try {
    await Promise.all([
      forwardOutput(attachment.stdout, output, 'stdout', options, options.stdout, gone.signal),
      forwardOutput(attachment.stderr, output, 'stderr', options, options.stderr, gone.signal),
    ]);
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  } finally {
    attachment.detach();
    output.end();
    await finished(output, { readable: false }).catch(noop);
    if ('destroySoon' in output && typeof output.destroySoon === 'function') output.destroySoon();
  }
}

function noop(): void {}

async function forwardOutput(
  source: Readable | undefined,
  output: Hijacked['output'],
  name: StreamName,
  options: StreamOptions,
  wanted: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (source === undefined) return;
  const stop = (): void => void source.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of source as AsyncIterable<Buffer>)
      if (wanted) await writeChunk(output, chunk, options.tty ? undefined : name, signal);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function forwardInput(
  input: Readable,
  attachment: Attachment,
  options: StreamOptions,
  gone: AbortController,
): Promise<void> {
  const { stdin } = attachment;
  stdin?.on('error', noop);
  const scanner = options.tty ? new DetachScanner(options.detachKeys) : undefined;
  // Leaving this loop, or the client's half close, must not close the other direction of the socket.
  const chunks = input.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  for await (const chunk of chunks) {
    if (stdin === undefined || stdin.destroyed || gone.signal.aborted) continue;
    const scan = scanner?.scan(chunk) ?? { pass: chunk, detached: false };
    if (scan.pass.length > 0 && !stdin.write(scan.pass)) await writable(stdin, gone.signal);
    if (scan.detached) {
      gone.abort();
      return;
    }
  }
  stdin?.end();
}

/** Waits until a stdin takes more; one that has closed takes anything. */
async function writable(stdin: NonNullable<Attachment['stdin']>, signal: AbortSignal): Promise<void> {
  const settled = new AbortController();
  const either = { signal: AbortSignal.any([signal, settled.signal]) };
  try {
    await Promise.race([once(stdin, 'drain', either), once(stdin, 'close', either)]);
  } catch {
    // Closed with an error, or the client has gone: the next write finds out.
  } finally {
    settled.abort();
  }
}
