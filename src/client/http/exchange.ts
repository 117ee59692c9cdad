import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { ResponseParser, type ResponseHead } from './response-parser.ts';
import { HttpResponse } from './response.ts';

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
  /** Sent in chunks. */
  readonly stream?: Readable | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Exchange {
  readonly response: HttpResponse;
  /** After 101: the connection, now the caller's, paused, with early bytes put back. */
  readonly socket?: Socket;
}

/**
 * Sends one request and resolves at the answer's head. `onFree` is called when the connection can carry another request.
 * The promise rejects with the socket's own error, so that the caller can tell a refused connection.
 */
export function exchange(socket: Socket, request: HttpRequest, onFree: () => void): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    let response: HttpResponse | undefined;
    let sent = request.stream === undefined;
    const fail = (error: Error): void => {
      stop();
      socket.destroy();
      if (response === undefined) reject(error);
      else response.destroy(error);
    };
    const parser = new ResponseParser(
      {
        onHead: (head) => {
          response = new HttpResponse(head, socket);
          if (head.statusCode !== 101) resolve({ response });
        },
        onBody: (chunk) => {
          if (response?.push(chunk) === false) socket.pause();
        },
        onEnd: () => {
          stop();
          response?.push(null);
          if (sent && response !== undefined && mayReuse(response)) onFree();
          else socket.destroy();
        },
      },
      request.method === 'HEAD',
    );
    const onData = (chunk: Buffer): void => {
      try {
        const rest = parser.write(chunk);
        if (response?.statusCode === 101) upgrade(response, rest);
      } catch (error) {
        fail(error as Error);
      }
    };
    const upgrade = (head: HttpResponse, rest: Buffer): void => {
      stop();
      socket.pause();
      if (rest.length > 0) socket.unshift(rest);
      resolve({ response: head, socket });
    };
    const onClose = (): void => {
      try {
        parser.close();
      } catch (error) {
        fail(error as Error);
      }
    };
    const onAbort = (): void => {
      const reason: unknown = request.signal?.reason;
      fail(reason instanceof Error ? reason : new DOMException('aborted', 'AbortError'));
    };
    const stop = (): void => {
      socket.off('data', onData).off('error', fail).off('close', onClose);
      request.signal?.removeEventListener('abort', onAbort);
    };
    socket.on('data', onData).on('error', fail).on('close', onClose);
    request.signal?.addEventListener('abort', onAbort);
    if (request.signal?.aborted === true) return onAbort();
    socket.write(headOf(request));
    if (request.body !== undefined) socket.write(request.body);
    if (request.stream === undefined) return;
    sendChunks(socket, request.stream).then(
      () => (sent = true),
      (error: unknown) => {
        // An early answer is worth more than the body that could not be sent.
        if (response === undefined) fail(error as Error);
      },
    );
  });
}

function headOf({ method, path, headers, body, stream }: HttpRequest): string {
  const framing =
    stream !== undefined
      ? { 'Transfer-Encoding': 'chunked' }
      : body !== undefined || method === 'POST' || method === 'PUT'
        ? { 'Content-Length': String(body?.length ?? 0) }
        : {};
  const lines = Object.entries({ ...headers, ...framing }).map(([name, value]) => `${name}: ${clean(value)}\r\n`);
  return `${method} ${clean(path)} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** Line breaks would begin another header. */
function clean(value: string): string {
  return value.replace(/[\r\n]/g, '');
}

async function sendChunks(socket: Socket, stream: Readable): Promise<void> {
  for await (const chunk of stream as AsyncIterable<Buffer | string>) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (bytes.length === 0) continue;
    if (socket.destroyed) throw new Error('the daemon closed the connection');
    socket.cork();
    socket.write(`${bytes.length.toString(16)}\r\n`);
    socket.write(bytes);
    const ready = socket.write('\r\n');
    socket.uncork();
    if (!ready) await drained(socket);
  }
  socket.write('0\r\n\r\n');
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      socket.off('drain', settle).off('close', settle);
      if (socket.destroyed) reject(new Error('the daemon closed the connection'));
      else resolve();
    };
    socket.on('drain', settle).on('close', settle);
  });
}

function mayReuse({ headers, statusCode }: ResponseHead): boolean {
  const framed = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  return (framed || statusCode === 204 || statusCode === 304) && !/\bclose\b/i.test(headers['connection'] ?? '');
}
