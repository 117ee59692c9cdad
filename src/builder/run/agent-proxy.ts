import { closeSync, openSync } from 'node:fs';
import { chmod, chown } from 'node:fs/promises';
import { Socket, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { O } from '../../sys/index.ts';
import type { Owner } from './mounts/step-mount.ts';

/** Of the SSH agent protocol (RFC draft-miller-ssh-agent): what a build step may ask. */
const ALLOWED: ReadonlySet<number> = new Set([11 /* list identities */, 13 /* sign */]);
const FAILURE = Buffer.from([0, 0, 0, 1, 5]);
const MAX_MESSAGE_BYTES = 256 * 1024;
const MAX_CONNECTIONS = 32;
const SOCKET_NAME = 'agent';

/**
 * A socket that hands requests on to an SSH agent. Keys can be listed and signed with; adding or removing them, locking the agent and
 * extensions are refused, as BuildKit does. The opener closes it.
 */
export class AgentProxy {
  /** Of the socket, on the host. */
  readonly path: string;
  readonly #server: Server;
  readonly #folderFd: number;
  readonly #sockets = new Set<Socket>();
  #closed = false;

  private constructor(agent: string, folder: string) {
    this.path = join(folder, SOCKET_NAME);
    this.#folderFd = openSync(folder, O.RDONLY | O.DIRECTORY);
    this.#server = createServer((client) => void this.#serve(client, agent));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @param folder an existing one that nobody else writes to; the socket gets this owner and mode */
  static async open(agent: string, folder: string, owner: Owner): Promise<AgentProxy> {
    const proxy = new AgentProxy(agent, folder);
    try {
      await proxy.#listen();
      await chown(proxy.path, owner.uid, owner.gid);
      await chmod(proxy.path, owner.mode);
      return proxy;
    } catch (error) {
      await proxy.close();
      throw error;
    }
  }

  /** Ends every connection. Idempotent. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#closed) return;
    this.#closed = true;
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    closeSync(this.#folderFd);
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      // A socket's name may have 107 bytes only, however deep the folder is.
      this.#server.listen(`/proc/self/fd/${this.#folderFd}/${SOCKET_NAME}`, resolve);
    });
  }

  /** One request after the other, so that a refusal never overtakes an answer. */
  async #serve(client: Socket, address: string): Promise<void> {
    this.#hold(client);
    const agent = new Socket();
    this.#hold(agent);
    agent.once('close', () => client.destroy());
    try {
      agent.connect({ path: address });
      const answers = messages(agent);
      for await (const request of messages(client)) {
        if (!ALLOWED.has(request[4] ?? 0)) {
          client.write(FAILURE);
          continue;
        }
        agent.write(request);
        const { value: answer } = await answers.next();
        if (answer === undefined) return;
        client.write(answer);
      }
    } catch {
      // Either side broke off: the other one learns it from the closed connection.
    } finally {
      client.destroy();
      agent.destroy();
    }
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

/** Whole messages with their length in front. A longer one than any agent sends ends the stream. */
async function* messages(socket: Socket): AsyncGenerator<Buffer, undefined> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (held.length >= 4) {
      const size = held.readUInt32BE();
      if (size === 0 || size > MAX_MESSAGE_BYTES) return undefined;
      if (held.length < 4 + size) break;
      yield held.subarray(0, 4 + size);
      held = held.subarray(4 + size);
    }
  }
  return undefined;
}
