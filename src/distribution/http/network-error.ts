import { LadingError, errnoOf, messageOf } from '../../errors/index.ts';
import { TransportFailure } from './transport-failure.ts';

interface Meaning {
  readonly what: string;
  readonly hint: string;
  readonly phase?: 'exchange' | 'final';
}

const CHECK_CA = 'install the CA that signed the certificate, or list the host under insecure-registries';
const CHECK_NETWORK = 'check the network connection and the proxy settings';

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOTFOUND: { what: 'no such host', hint: 'check the name of the registry, and the DNS settings of this machine' },
  EAI_AGAIN: { what: 'the name cannot be resolved at the moment', hint: CHECK_NETWORK },
  ECONNREFUSED: { what: 'connection refused', hint: 'check that a registry is running there and listens on that port' },
  EHOSTUNREACH: { what: 'no route to host', hint: CHECK_NETWORK },
  ENETUNREACH: { what: 'network is unreachable', hint: CHECK_NETWORK },
  ETIMEDOUT: { what: 'connection timed out', hint: CHECK_NETWORK },
  ECONNRESET: { what: 'connection dropped', hint: CHECK_NETWORK, phase: 'exchange' },
  EPIPE: { what: 'connection dropped', hint: CHECK_NETWORK, phase: 'exchange' },
  EPROTO: {
    what: 'server gave HTTP response to HTTPS client',
    hint: 'if the registry speaks plain HTTP, list the host under insecure-registries',
    phase: 'final',
  },
};

const CERTIFICATE =
  /^(?:CERT_|ERR_TLS_CERT|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|ERROR_IN_CERT|CRL_)/;

function meaningOf(error: unknown): Meaning {
  const errno = errnoOf(error) ?? '';
  const known = MEANINGS[errno];
  if (known) return known;
  if (CERTIFICATE.test(errno))
    return { what: `failed to verify certificate: ${messageOf(error)}`, hint: CHECK_CA, phase: 'final' };
  if (errno.startsWith('ERR_SSL')) return MEANINGS['EPROTO'] as Meaning;
  if (errno.startsWith('HPE_')) return { what: 'what came back is not HTTP', hint: 'check the port', phase: 'final' };
  return { what: messageOf(error), hint: CHECK_NETWORK, phase: 'exchange' };
}

/** A socket's error in one line: which host, what happened, what to do. Never the body or the headers of the request. */
export function networkError(error: unknown, host: string): LadingError {
  const { what, hint, phase = 'connect' } = meaningOf(error);
  const message = `contact registry "${host}": ${what}`;
  return new LadingError('unavailable', message, { hint, cause: new TransportFailure(what, phase, { cause: error }) });
}

/** Nothing came from, or went to, the registry for too long. */
export function stalledError(host: string, timeoutMs: number): LadingError {
  const what = `no data for ${timeoutMs / 1000} s`;
  return new LadingError('deadline_exceeded', `contact registry "${host}": ${what}`, {
    hint: CHECK_NETWORK,
    cause: new TransportFailure(what, 'exchange'),
  });
}

/** The caller's own signal ended the work. */
export function cancelledError(host: string, signal: AbortSignal | undefined): LadingError {
  return new LadingError('cancelled', `contact registry "${host}": cancelled`, { cause: signal?.reason });
}
