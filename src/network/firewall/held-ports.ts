import { readFileSync } from 'node:fs';
import { LadingError, errnoOf } from '../../errors/index.ts';
import { AF, SOCK, bindSocket, closeFd, listenSocket, setSocketOption, socket } from '../../sys/index.ts';
import { ipv4SocketAddress } from '../address/ipv4.ts';
import type { PortBinding } from '../types.ts';

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const ON = Buffer.from([1, 0, 0, 0]);
const DEFAULT_RANGE = { low: 32_768, high: 60_999 };

/**
 * Host ports that are published, each held by a socket of this process so that no host program and no second daemon takes it,
 * and `ss -l` shows it. The sockets never carry data: the firewall redirects before.
 */
export class HeldPorts implements Disposable {
  readonly #sockets = new Map<string, number>();
  #nextEphemeral: number | undefined;

  /**
   * Takes a port, choosing a free one for hostPort 0; returns the binding with its real port.
   * @throws conflict "… port is already allocated", invalid_argument for an address the host has not, permission_denied
   */
  hold(binding: PortBinding): PortBinding {
    if (binding.hostPort !== 0) {
      this.#open(binding);
      return binding;
    }
    const { low, high } = ephemeralRange();
    const count = high - low + 1;
    const start = this.#nextEphemeral ?? low;
    for (let step = 0; step < count; step++) {
      const candidate = { ...binding, hostPort: low + ((start - low + step) % count) };
      if (!this.#tryOpen(candidate)) continue;
      this.#nextEphemeral = candidate.hostPort + 1;
      return candidate;
    }
    throw new LadingError(
      'resource_exhausted',
      `publish port ${binding.containerPort}: all ephemeral ports are allocated`,
    );
  }

  isHeld(binding: PortBinding): boolean {
    return this.#sockets.has(keyOf(binding));
  }

  /** Idempotent. */
  release(binding: PortBinding): void {
    const fd = this.#sockets.get(keyOf(binding));
    this.#sockets.delete(keyOf(binding));
    if (fd !== undefined) closeFd(fd);
  }

  releaseAll(): void {
    for (const fd of this.#sockets.values()) closeFd(fd);
    this.#sockets.clear();
  }

  [Symbol.dispose](): void {
    this.releaseAll();
  }

  #tryOpen(binding: PortBinding): boolean {
    try {
      this.#open(binding);
      return true;
    } catch (error) {
      if (error instanceof LadingError && error.code === 'conflict') return false;
      throw error;
    }
  }

  #open(binding: PortBinding): void {
    const key = keyOf(binding);
    if (this.#sockets.has(key)) throw allocated(binding);
    const tcp = binding.protocol === 'tcp';
    const fd = socket(AF.INET, (tcp ? SOCK.STREAM : SOCK.DGRAM) | SOCK.CLOEXEC | SOCK.NONBLOCK);
    try {
      if (tcp) setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, ON);
      bindSocket(fd, ipv4SocketAddress(addressOf(binding), binding.hostPort));
      if (tcp) listenSocket(fd, 0);
      this.#sockets.set(key, fd);
    } catch (error) {
      closeFd(fd);
      throw bindFailure(binding, error);
    }
  }
}

function addressOf(binding: PortBinding): string {
  return binding.hostIp === '' ? '0.0.0.0' : binding.hostIp;
}

function keyOf(binding: PortBinding): string {
  return `${binding.protocol}/${addressOf(binding)}/${binding.hostPort}`;
}

function allocated(binding: PortBinding, cause?: unknown): LadingError {
  return new LadingError(
    'conflict',
    `Bind for ${addressOf(binding)}:${binding.hostPort} failed: port is already allocated`,
    {
      cause,
      hint: `find who uses it with: ss -${binding.protocol === 'tcp' ? 't' : 'u'}lnp sport = :${binding.hostPort}`,
    },
  );
}

function bindFailure(binding: PortBinding, error: unknown): LadingError {
  const where = `Bind for ${addressOf(binding)}:${binding.hostPort} failed`;
  switch (errnoOf(error)) {
    case 'EADDRINUSE':
      return allocated(binding, error);
    case 'EADDRNOTAVAIL':
      return new LadingError('invalid_argument', `${where}: cannot assign requested address`, { cause: error });
    case 'EACCES':
      return new LadingError('permission_denied', `${where}: permission denied`, { cause: error });
    default:
      return new LadingError('internal', where, { cause: error });
  }
}

function ephemeralRange(): { low: number; high: number } {
  try {
    const text = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
    const [low, high] = text.trim().split(/\s+/).map(Number);
    return low && high && low < high ? { low, high } : DEFAULT_RANGE;
  } catch {
    return DEFAULT_RANGE;
  }
}
