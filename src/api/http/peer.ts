import type { Socket } from 'node:net';
import { LadingError } from '../../errors/index.ts';
import { peerCredentials } from '../../sys/index.ts';
import type { Call } from './call.ts';

/** The descriptor of an accepted unix socket; Node has no public name for it. */
function descriptorOf(socket: Socket): number | undefined {
  const handle = (socket as { _handle?: { fd?: number } | null })._handle;
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}

/** The user at the other end of the unix socket; undefined on TCP. */
export function peerUid({ request }: Pick<Call, 'request'>): number | undefined {
  const { socket } = request;
  if (socket.remoteAddress !== undefined) return undefined;
  const fd = descriptorOf(socket);
  return fd === undefined ? undefined : peerCredentials(fd).uid;
}

/** Whether a peer may name paths for the daemon to read: root, or the daemon's own user. */
export function isTrustedPeer(uid: number | undefined, ownUid = process.getuid?.()): boolean {
  return uid !== undefined && (uid === 0 || uid === ownUid);
}

const IN_PLACE = 'cannot read the build context in place';

/** @throws permission_denied unless the peer is root or the daemon's own user */
export function requireTrustedPeer(call: Call, attempted = IN_PLACE): void {
  const uid = peerUid(call);
  if (isTrustedPeer(uid)) return;
  throw new LadingError(
    'permission_denied',
    `${attempted}: the client is ${uid === undefined ? 'not on the unix socket' : `user ${uid}`}`,
    { hint: attempted === IN_PLACE ? 'send the context as a tar, or build as root' : "be root or the daemon's user" },
  );
}
