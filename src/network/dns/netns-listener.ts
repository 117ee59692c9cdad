import { type Socket as UdpSocket, createSocket } from 'node:dgram';
import { type Server, type Socket, createServer } from 'node:net';
import { AF, SOCK, bindSocket, closeFd, listenSocket, socket } from '../../sys/index.ts';
import { ipv4SocketAddress } from '../address/ipv4.ts';
import { inNetns } from '../netns.ts';
import type { DnsResponder } from './responder.ts';
import { FrameReader, frame } from './tcp-frame.ts';

/** Where containers on their own networks find lading's name server, as Docker's. */
export const EMBEDDED_DNS_ADDRESS = '127.0.0.11';
const PORT = 53;
const BACKLOG = 16;
const MAX_CONNECTIONS = 16;
const MAX_UDP_IN_FLIGHT = 256;
const IDLE_TIMEOUT_MS = 10_000;

/** The name server's two sockets inside one container's network namespace, served by this process. Costs nothing while nobody asks. */
export class NetnsDnsListener implements Disposable {
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();
  readonly #responder: DnsResponder;
  #inFlight = 0;

  /** @throws SystemError when the namespace is gone or the address is taken inside it */
  constructor(netnsPath: string, responder: DnsResponder) {
    const { udp, tcp } = inNetns(netnsPath, openSockets);
    this.#responder = responder;
    this.#udp = createSocket('udp4');
    this.#udp.on('error', () => undefined);
    this.#udp.on('message', (message, { address, port }) => void this.#onDatagram(message, address, port));
    this.#udp.bind({ fd: udp, exclusive: true });
    this.#tcp = createServer((connection) => this.#onConnection(connection));
    this.#tcp.on('error', () => undefined);
    this.#tcp.maxConnections = MAX_CONNECTIONS;
    this.#tcp.listen({ fd: tcp, exclusive: true });
  }

  /** Idempotent; must run before the namespace can end, for sockets keep it alive. */
  close(): void {
    try {
      this.#udp.close();
    } catch {
      return;
    }
    this.#tcp.close();
    for (const connection of this.#connections) connection.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #onDatagram(message: Buffer, address: string, port: number): Promise<void> {
    if (this.#inFlight >= MAX_UDP_IN_FLIGHT) return;
    this.#inFlight++;
    try {
      const reply = await this.#responder.respond(message, 'udp');
      if (reply) this.#udp.send(reply, port, address, () => undefined);
    } catch {
      // the socket was closed while an upstream server was asked
    } finally {
      this.#inFlight--;
    }
  }

  #onConnection(connection: Socket): void {
    this.#connections.add(connection);
    connection.on('close', () => this.#connections.delete(connection));
    connection.on('error', () => connection.destroy());
    connection.setTimeout(IDLE_TIMEOUT_MS, () => connection.destroy());
    void this.#serve(connection).catch(() => connection.destroy());
  }

  /** One query after the other, each reply on its way before the next: a client cannot pile up work. */
  async #serve(connection: Socket): Promise<void> {
    const reader = new FrameReader();
    for await (const chunk of connection) {
      for (const message of reader.push(chunk as Buffer)) {
        const reply = await this.#responder.respond(message, 'tcp');
        if (reply) await new Promise((resolve) => connection.write(frame(reply), resolve));
      }
    }
  }
}

function openSockets(): { udp: number; tcp: number } {
  const address = ipv4SocketAddress(EMBEDDED_DNS_ADDRESS, PORT);
  const udp = openBound(SOCK.DGRAM, address);
  try {
    const tcp = openBound(SOCK.STREAM, address);
    listenSocket(tcp, BACKLOG);
    return { udp, tcp };
  } catch (error) {
    closeFd(udp);
    throw error;
  }
}

function openBound(type: number, address: Buffer): number {
  const fd = socket(AF.INET, type | SOCK.CLOEXEC | SOCK.NONBLOCK);
  try {
    bindSocket(fd, address);
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}
