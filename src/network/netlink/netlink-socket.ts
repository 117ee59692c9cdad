import { readSync, writeSync } from 'node:fs';
import { type ErrorCode, LadingError } from '../../errors/index.ts';
import { AF, SOCK, SystemError, closeFd, socket } from '../../sys/index.ts';
import { NLMSG, NLM_F } from './constants.ts';
import { type NetlinkMessage, type NetlinkRequest, decodeMessages, encodeMessage } from './message.ts';

const CODES: Readonly<Record<string, ErrorCode>> = {
  EEXIST: 'already_exists',
  ENODEV: 'not_found',
  ENOENT: 'not_found',
  EPERM: 'permission_denied',
};
/** The kernel never sends more in one datagram. */
const BUFFER = Buffer.alloc(65_536);

/**
 * A route netlink socket of the network namespace it was opened in. Calls are synchronous: the kernel has answered when the write returns.
 */
export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  #sequence = 0;

  constructor() {
    this.#fd = socket(AF.NETLINK, SOCK.RAW | SOCK.CLOEXEC | SOCK.NONBLOCK, 0);
  }

  /**
   * Sends all requests in one write. The kernel carries out each, also those after a failed one: the caller undoes.
   * @throws the first failure, as `already_exists`, `not_found`, `permission_denied` or `internal`, with the SystemError as cause
   */
  request(...requests: readonly NetlinkRequest[]): void {
    const first = this.#sequence + 1;
    const last = first + requests.length - 1;
    this.#send(requests, (index) => NLM_F.REQUEST | (index === requests.length - 1 ? NLM_F.ACK : 0));
    let failure: LadingError | undefined;
    for (const message of this.#receive()) {
      if (message.type !== NLMSG.ERROR || message.sequence < first) continue;
      failure ??= failureOf(message, requests[message.sequence - first]);
      if (message.sequence === last) break;
    }
    if (failure) throw failure;
  }

  /** Sends a get or dump request and returns what the kernel tells. */
  query(request: NetlinkRequest): NetlinkMessage[] {
    const dump = (request.flags & NLM_F.DUMP) === NLM_F.DUMP;
    this.#send([request], () => NLM_F.REQUEST);
    const answers: NetlinkMessage[] = [];
    for (const message of this.#receive()) {
      if (message.sequence !== this.#sequence) continue;
      if (message.type === NLMSG.DONE) break;
      if (message.type === NLMSG.ERROR) throw failureOf(message, request) ?? new Error('unreachable');
      answers.push(message);
      if (!dump) break;
    }
    return answers;
  }

  close(): void {
    closeFd(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #send(requests: readonly NetlinkRequest[], flagsOf: (index: number) => number): void {
    const messages = requests.map((one, index) => encodeMessage(one, one.flags | flagsOf(index), ++this.#sequence));
    writeSync(this.#fd, Buffer.concat(messages));
  }

  *#receive(): Generator<NetlinkMessage> {
    for (;;) yield* decodeMessages(Buffer.from(BUFFER.subarray(0, readSync(this.#fd, BUFFER))));
  }
}

function failureOf(message: NetlinkMessage, request: NetlinkRequest | undefined): LadingError | undefined {
  const errno = -message.body.readInt32LE(0);
  if (errno === 0) return undefined;
  const what = request?.what ?? 'netlink';
  const cause = new SystemError('netlink', what, errno);
  const options = cause.code === 'EPERM' ? { cause, hint: 'run the daemon as root' } : { cause };
  return new LadingError(CODES[cause.code] ?? 'internal', `${what}: ${cause.code}`, options);
}
