import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { errnoOf, LadingError } from '../../errors/index.ts';
import {
  AF,
  connectSocket,
  SHUT,
  shutdownSocket,
  SOCK,
  socket,
  unixAddress,
  pollFd,
  type FdPoll,
} from '../../sys/index.ts';

const MAX_PACKET_BYTES = 64 * 1024;
const PACKETS_A_TURN = 32;

export interface PacketHandler {
  /** One packet, valid until the call returns. False pauses until {@link SeqpacketSocket.resume}. */
  onPacket(packet: Buffer): boolean;
  /** Called once: the other side closed, or the connection broke. */
  onEnd(): void;
}

/** A client's end of a SOCK_SEQPACKET unix socket, driven by the event loop. */
export class SeqpacketSocket {
  readonly #fd: number;
  readonly #handler: PacketHandler;
  readonly #buffer = Buffer.allocUnsafe(MAX_PACKET_BYTES);
  readonly #poll: FdPoll;
  #reading = false;
  #whenWritable: (() => void) | undefined;
  #closed = false;

  private constructor(fd: number, handler: PacketHandler) {
    this.#fd = fd;
    this.#handler = handler;
    this.#poll = pollFd(fd, ({ readable, writable }) => this.#onEvent(readable, writable));
  }

  /** Connects; reading begins with {@link resume}. @throws conflict when nobody listens there */
  static connect(path: string, handler: PacketHandler): SeqpacketSocket {
    const fd = socket(AF.UNIX, SOCK.SEQPACKET | SOCK.CLOEXEC | SOCK.NONBLOCK);
    try {
      connectByFolder(fd, path);
    } catch (error) {
      closeSync(fd);
      if (['ENOENT', 'ECONNREFUSED', 'ENOTDIR'].includes(errnoOf(error) ?? ''))
        throw new LadingError('conflict', 'attach: the container is not running', { cause: error });
      throw error;
    }
    return new SeqpacketSocket(fd, handler);
  }

  resume(): void {
    if (this.#closed || this.#reading) return;
    this.#reading = true;
    this.#updatePoll();
  }

  /** Sends one packet as soon as there is room. Calls back with an error when the other side is gone. */
  send(packet: Uint8Array, done: (error?: Error) => void): void {
    if (this.#closed) return done();
    try {
      writeSync(this.#fd, packet);
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') {
        this.#whenWritable = () => this.send(packet, done);
        return this.#updatePoll();
      }
      // A container that ended takes no input: not the writer's mistake.
      return done(errnoOf(error) === 'EPIPE' || errnoOf(error) === 'ECONNRESET' ? undefined : (error as Error));
    }
    done();
  }

  /** Nothing more will be sent. */
  endSending(): void {
    if (this.#closed) return;
    try {
      shutdownSocket(this.#fd, SHUT.WR);
    } catch (error) {
      if (errnoOf(error) !== 'ENOTCONN') throw error;
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll.close();
    closeSync(this.#fd);
    this.#whenWritable?.();
    this.#handler.onEnd();
  }

  #onEvent(readable: boolean, writable: boolean): void {
    const send = this.#whenWritable;
    if (writable && send) {
      this.#whenWritable = undefined;
      this.#updatePoll();
      send();
    }
    // A hang-up without more to read comes as neither: reading tells.
    if (readable || !writable) this.#read();
  }

  #updatePoll(): void {
    if (!this.#closed) this.#poll.want({ readable: this.#reading, writable: this.#whenWritable !== undefined });
  }

  #read(): void {
    for (let turn = 0; turn < PACKETS_A_TURN && this.#reading && !this.#closed; turn++) {
      let size: number;
      try {
        size = readSync(this.#fd, this.#buffer, 0, MAX_PACKET_BYTES, null);
      } catch (error) {
        return errnoOf(error) === 'EAGAIN' ? undefined : this.close();
      }
      if (size === 0) return this.close();
      if (this.#handler.onPacket(this.#buffer.subarray(0, size))) continue;
      this.#reading = false;
      this.#updatePoll();
    }
  }
}

/** Socket addresses hold 107 bytes; through the folder's descriptor any path fits. */
function connectByFolder(fd: number, path: string): void {
  const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    connectSocket(fd, unixAddress(`/proc/self/fd/${folder}/${basename(path)}`));
  } finally {
    closeSync(folder);
  }
}
