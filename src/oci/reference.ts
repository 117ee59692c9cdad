import { LadingError } from '../errors/index.ts';
import { isDigest, type Digest } from './digest.ts';

/** A user's text for an image, normalised as Docker does (distribution/reference grammar). */
export interface Reference {
  /** Registry host with optional port: `docker.io`, `127.0.0.1:5000`. */
  readonly domain: string;
  /** Repository path without the domain: `library/alpine`. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const PATH = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const DOMAIN =
  /^(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*(?::[0-9]+)?$|^\[[a-fA-F0-9:]+\](?::[0-9]+)?$/;
const TAG = /^[\w][\w.-]{0,127}$/;
const MAX_NAME = 255;

function invalid(text: string, why: string): LadingError {
  return new LadingError('invalid_argument', `invalid reference format: "${text.slice(0, 300)}": ${why}`);
}

/**
 * Parses `[domain/]path[:tag][@digest]`; `docker.io` and `library/` implied as Docker implies them.
 * No tag is added: see {@link withDefaultTag}.
 * @throws {LadingError} `invalid_argument`
 */
export function parseReference(text: string): Reference {
  if (/^[a-f0-9]{64}$/.test(text)) throw invalid(text, 'a repository name cannot be 64 hexadecimal characters');
  let rest = text;
  let digest: Digest | undefined;
  const at = rest.indexOf('@');
  if (at >= 0) {
    const candidate = rest.slice(at + 1);
    if (!isDigest(candidate)) throw invalid(text, 'the part after "@" is not a digest');
    digest = candidate;
    rest = rest.slice(0, at);
  }
  let tag: string | undefined;
  const colon = rest.lastIndexOf(':');
  if (colon > rest.lastIndexOf('/')) {
    tag = rest.slice(colon + 1);
    if (!TAG.test(tag)) throw invalid(text, 'the tag may hold letters, digits, "_", "." and "-", at most 128');
    rest = rest.slice(0, colon);
  }
  const { domain, path } = splitDomain(rest);
  if (!DOMAIN.test(domain)) throw invalid(text, 'the registry host is not valid');
  if (path === '') throw invalid(text, 'the repository name is empty');
  if (path !== path.toLowerCase()) throw invalid(text, 'repository name must be lowercase');
  if (!PATH.test(path)) throw invalid(text, 'the repository name is not valid');
  if (domain.length + path.length + 1 > MAX_NAME)
    throw invalid(text, `repository name must not be more than ${MAX_NAME} characters`);
  return { domain, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isHost = first !== '' && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  let domain = isHost ? first : 'docker.io';
  let path = isHost ? name.slice(slash + 1) : name;
  if (domain === 'index.docker.io') domain = 'docker.io';
  if (domain === 'docker.io' && !path.includes('/')) path = `library/${path}`;
  return { domain, path };
}

/** Adds `latest` when there is neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: 'latest' } : reference;
}

/** `domain/path`, canonical. */
export function repositoryOf(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** Canonical text: `docker.io/library/alpine:3.20@sha256:…`. */
export function formatReference(reference: Reference): string {
  return repositoryOf(reference) + suffixOf(reference);
}

/** `alpine`, `user/app`, `host:5000/app`: what Docker shows for a repository. */
export function familiarRepository(reference: Reference): string {
  if (reference.domain !== 'docker.io') return repositoryOf(reference);
  return reference.path.startsWith('library/') && !reference.path.slice(8).includes('/')
    ? reference.path.slice(8)
    : reference.path;
}

/** The short text Docker shows: `alpine:3.20`. */
export function familiarReference(reference: Reference): string {
  return familiarRepository(reference) + suffixOf(reference);
}

function suffixOf(reference: Reference): string {
  return (
    (reference.tag === undefined ? '' : `:${reference.tag}`) +
    (reference.digest === undefined ? '' : `@${reference.digest}`)
  );
}
