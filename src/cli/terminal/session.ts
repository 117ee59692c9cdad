import type { Socket } from 'node:net';
import { Demultiplexer } from '../../client/index.ts';
import type { Context } from '../command.ts';
import { DetachFilter, parseDetachKeys } from './detach-keys.ts';

export interface SessionOptions {
  /** One raw stream instead of frames; this terminal is put in raw mode when stdin is passed on. */
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly detachKeys?: string | undefined;
}

/** A hijacked connection joined to this process's streams. */
export interface Session {
  /** Resolves when the container's side ended, or when the user detached. */
  readonly ended: Promise<'ended' | 'detached'>;
  /** Gives the terminal back. Idempotent. */
  close(): void;
}

export function startSession(context: Context, socket: Socket, options: SessionOptions): Session {
  const restore = options.tty && options.stdin ? enterRawMode(context.stdin) : () => undefined;
  const close = (): void => {
    context.stdin.unpipe(socket);
    context.stdin.pause();
    restore();
    socket.destroy();
  };
  const ended = new Promise<'ended' | 'detached'>((resolve, reject) => {
    socket.on('data', outputTo(context, options.tty, reject));
    // A reset while the last input is under way is an end like any other: the exit status tells the rest.
    socket.on('error', () => resolve('ended'));
    socket.on('end', () => resolve('ended'));
    socket.on('close', () => resolve('ended'));
    socket.resume();
    if (options.stdin) pumpInput(context, socket, options, () => resolve('detached'));
  });
  return { ended, close };
}

function outputTo(context: Context, tty: boolean, fail: (error: unknown) => void): (chunk: Buffer) => void {
  if (tty) return (chunk) => void context.stdout.write(chunk);
  const demultiplexer = new Demultiplexer((stream, payload) => {
    (stream === 'stdout' ? context.stdout : context.stderr).write(payload);
  });
  return (chunk) => {
    try {
      demultiplexer.write(chunk);
    } catch (error) {
      fail(error);
    }
  };
}

function pumpInput(context: Context, socket: Socket, options: SessionOptions, onDetach: () => void): void {
  if (!options.tty) {
    context.stdin.pipe(socket);
    return;
  }
  const filter = new DetachFilter(parseDetachKeys(options.detachKeys));
  context.stdin.on('data', (chunk: Buffer) => {
    const { pass, detached } = filter.write(chunk);
    if (pass.length > 0 && !socket.destroyed) socket.write(pass);
    if (detached) onDetach();
  });
  context.stdin.on('end', () => socket.end());
}

function enterRawMode(stdin: NodeJS.ReadStream): () => void {
  if (!stdin.isTTY) return () => undefined;
  stdin.setRawMode(true);
  const restore = (): void => {
    if (stdin.isRaw) stdin.setRawMode(false);
  };
  process.once('exit', restore);
  return restore;
}
