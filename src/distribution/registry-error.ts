import { LadingError, type ErrorCode } from '../errors/index.ts';
import { familiarReference, familiarRepository, type Reference } from '../oci/index.ts';
import { parseChallenges } from './auth/challenge.ts';
import { TransportFailure, transportFailureOf } from './http/transport-failure.ts';
import type { TransportResponse } from './http/transport.ts';

/** What a registry said went wrong, in the distribution spec's words ("Error Codes"). */
interface RegistryComplaint {
  readonly code: string;
  readonly message: string;
}

const MAX_TEXT = 500;
const TRANSIENT = [408, 429, 500, 502, 503, 504];

const DEFAULT_MESSAGES: Readonly<Record<string, string>> = {
  DENIED: 'requested access to the resource is denied',
  UNAUTHORIZED: 'authentication required',
  MANIFEST_UNKNOWN: 'manifest unknown',
  NAME_UNKNOWN: 'repository name not known to registry',
};

/** Text of a stranger for a terminal: no control characters, not too long. */
function printable(text: unknown): string {
  return String(text)
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .trim()
    .slice(0, MAX_TEXT);
}

function complaintIn(body: string): RegistryComplaint | undefined {
  try {
    const value = JSON.parse(body) as { errors?: { code?: unknown; message?: unknown }[]; details?: unknown };
    const first = value.errors?.[0];
    if (first) return { code: printable(first.code ?? 'UNKNOWN'), message: printable(first.message ?? '') };
    if (value.details !== undefined) return { code: 'UNKNOWN', message: printable(value.details) };
  } catch {
    // Not the spec's JSON: the status has to do.
  }
  return undefined;
}

/** A 401 explains itself in its challenge (RFC 6750): a known user without the right is "denied", not "unauthorized". */
function complaintInChallenge(response: TransportResponse): RegistryComplaint | undefined {
  const { parameters } =
    parseChallenges(response.headers['www-authenticate']).find(({ scheme }) => scheme === 'bearer') ?? {};
  const code = { invalid_token: 'UNAUTHORIZED', insufficient_scope: 'DENIED' }[parameters?.['error'] ?? ''];
  return code === undefined ? undefined : { code, message: DEFAULT_MESSAGES[code] ?? '' };
}

function codeOf(status: number): ErrorCode {
  if (status === 401) return 'unauthenticated';
  if (status === 403) return 'permission_denied';
  if (status === 404) return 'not_found';
  if (status === 429) return 'resource_exhausted';
  return status >= 500 || status === 408 ? 'unavailable' : 'invalid_argument';
}

/** Milliseconds of a Retry-After header: seconds or a date. */
export function retryAfterMs(value: string | undefined, now = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** An answer nobody wanted, as an error whose message reads "<attempted>: <code>: <message>" as Docker writes it. */
export function statusError(response: TransportResponse, body: string, attempted: string): LadingError {
  const { status, headers, url } = response;
  const said = (status === 401 ? complaintInChallenge(response) : undefined) ?? complaintIn(body);
  const text = said
    ? `${said.code.toLowerCase().replaceAll('_', ' ')}: ${said.message || DEFAULT_MESSAGES[said.code] || status}`
    : `unexpected status ${status}${printable(body) === '' ? '' : `: ${printable(body).slice(0, 120)}`}`;
  const denied = said?.code === 'DENIED' && (status === 401 || status === 403);
  const wait = retryAfterMs(headers['retry-after']);
  const phase = TRANSIENT.includes(status) ? 'exchange' : 'final';
  const hint = hintFor(status, url, wait);
  return new LadingError(denied ? 'permission_denied' : codeOf(status), `${attempted}: ${text}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: new TransportFailure(text, phase, { status, ...(wait === undefined ? {} : { retryAfterMs: wait }) }),
  });
}

function hintFor(status: number, url: URL, waitMs: number | undefined): string | undefined {
  if (status === 401 || status === 403) return `log in with: lading login ${url.host}`;
  if (status === 429)
    return `the registry limits requests: ${waitMs === undefined ? 'try again later' : `try again in ${Math.ceil(waitMs / 1000)} s`}, or log in for a higher limit`;
  return undefined;
}

/** The text after "<attempted>: ". */
function said(error: LadingError): string {
  return transportFailureOf(error)?.message ?? error.message;
}

/** The wording of `docker pull` for a repository or manifest that is not there, or not for everybody. */
export function pullError(error: unknown, reference: Reference): unknown {
  if (!(error instanceof LadingError)) return error;
  const status = transportFailureOf(error)?.status;
  const options = { cause: error.cause, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  if (status === 401 || status === 403) {
    const name = familiarRepository(reference);
    const message = `pull access denied for ${name}, repository does not exist or may require 'docker login': ${said(error)}`;
    return new LadingError(error.code === 'unauthenticated' ? 'unauthenticated' : 'not_found', message, {
      ...options,
      hint: `check the name, or log in with: lading login${reference.domain === 'docker.io' ? '' : ` ${reference.domain}`}`,
    });
  }
  if (status !== 404) return error;
  const text = said(error).startsWith('unexpected status') ? 'manifest unknown: manifest unknown' : said(error);
  if (text.startsWith('name unknown'))
    return new LadingError('not_found', `repository ${familiarRepository(reference)} not found: ${text}`, options);
  return new LadingError('not_found', `manifest for ${familiarReference(reference)} not found: ${text}`, {
    ...options,
    hint: 'check the tag',
  });
}
