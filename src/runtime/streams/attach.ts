import { Readable, Writable } from 'node:stream';
import type { Attachment } from '../runtime.ts';
import { SeqpacketSocket } from './seqpacket.ts';

/** First byte of conmon's packets. */
const STDERR = 3;
/** conmon reads at most 32 KiB of a packet and would drop the rest. */
const STDIN_PACKET_BYTES = 16 * 1024;

/**
 * Connects to a monitor's attach socket. Both outputs must be read (or resumed): a reader that stops holds back the
 * other stream and in the end the container, as with Docker.
 * @throws conflict when the container does not run
 */
export function attachTo(path: string, options: { readonly stdin: boolean; readonly tty: boolean }): Attachment {
  const full = new Set<Readable>();
  const output = (): Readable => {
    const stream: Readable = new Readable({
      read: () => {
        full.delete(stream);
        if (full.size === 0) socket.resume();
      },
      destroy: (error, done) => {
        full.delete(stream);
        if (full.size === 0) socket.resume();
        done(error);
      },
    });
    return stream;
  };
  const stdout = output();
  const stderr = options.tty ? undefined : output();
  const socket = SeqpacketSocket.connect(path, {
    onPacket: (packet) => {
      const stream = packet[0] === STDERR && stderr ? stderr : stdout;
      // Nobody reads a destroyed stream; the container must not wait for that.
      if (!stream.destroyed && !stream.push(Buffer.from(packet.subarray(1)))) full.add(stream);
      return full.size === 0;
    },
    onEnd: () => {
      stdout.push(null);
      stderr?.push(null);
      stdin?.destroy();
    },
  });
  const stdin = options.stdin ? stdinOf(socket) : undefined;
  socket.resume();
  return { stdin, stdout, stderr, detach: () => socket.close() };
}

function stdinOf(socket: SeqpacketSocket): Writable {
  const stdin = new Writable({
    write: (chunk: Buffer, _encoding, done) => sendInPackets(socket, chunk, done),
    final: (done) => {
      socket.endSending();
      done();
    },
  });
  // Input for a container that has ended goes nowhere, which its writer learns from the output's end.
  stdin.on('error', () => undefined);
  return stdin;
}

function sendInPackets(socket: SeqpacketSocket, data: Buffer, done: (error?: Error) => void): void {
  socket.send(data.subarray(0, STDIN_PACKET_BYTES), (error) => {
    const rest = data.subarray(STDIN_PACKET_BYTES);
    if (error || rest.length === 0) done(error);
    else sendInPackets(socket, rest, done);
  });
}
