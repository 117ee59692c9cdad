import { isAbsolute } from 'node:path';
import { LadingError } from '../../errors/index.ts';
import {
  familiarReference,
  formatPlatform,
  isGitAddress,
  parseReference,
  withDefaultTag,
  type Platform,
} from '../../oci/index.ts';

/** A context that is a tree of files. */
export type FilesContext =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'git'; readonly address: string }
  | { readonly kind: 'http'; readonly url: string };

/** An image in an OCI layout on this machine. */
export interface LayoutContext {
  readonly kind: 'layout';
  readonly path: string;
  readonly tag?: string;
  readonly digest?: string;
}

export type NamedContext =
  | FilesContext
  | LayoutContext
  | { readonly kind: 'image'; readonly reference: string }
  | { readonly kind: 'stage'; readonly name: string };

/** `--build-context name=value`: what takes the place of images and stages of a name. */
export class NamedContexts {
  readonly #contexts = new Map<string, NamedContext>();

  /** @throws invalid_argument naming the context that cannot be understood */
  constructor(contexts: Readonly<Record<string, string>> = {}) {
    for (const [name, value] of Object.entries(contexts)) {
      const [image = '', platform] = name.split('::', 2);
      const key = platform === undefined ? keyOf(image) : `${keyOf(image) ?? ''}::${platform}`;
      if (key === undefined) throw new LadingError('invalid_argument', `invalid context name ${name.slice(0, 200)}`);
      this.#contexts.set(key, parseContext(name, value));
    }
  }

  /**
   * The context for a name, which is an image's as BuildKit has it: "alpine", "alpine:latest" and "docker.io/library/alpine" are one. One given for the
   * platform ("name::linux/arm64") comes first.
   */
  find(name: string, platform?: Platform): NamedContext | undefined {
    if (this.#contexts.size === 0) return undefined;
    const key = keyOf(name);
    if (key === undefined) return undefined;
    const own = platform && this.#contexts.get(`${key}::${formatPlatform(platform)}`);
    return own ?? this.#contexts.get(key);
  }
}

function keyOf(name: string): string | undefined {
  try {
    return familiarReference(withDefaultTag(parseReference(name))).replace(/:latest$/, '');
  } catch {
    return undefined;
  }
}

function parseContext(name: string, value: string): NamedContext {
  const fail = (why: string): LadingError =>
    new LadingError('invalid_argument', `invalid build context ${name.slice(0, 200)}: ${why}`, {
      hint: 'a folder, docker-image://REF, oci-layout://FOLDER[:TAG|@DIGEST], target:STAGE, a Git or http address',
    });
  if (value.includes('\0')) throw fail('it holds a NUL');
  if (value.startsWith('docker-image://')) return { kind: 'image', reference: value.slice('docker-image://'.length) };
  if (value.startsWith('oci-layout://')) return parseLayout(value.slice('oci-layout://'.length), fail);
  if (value.startsWith('target:')) return { kind: 'stage', name: value.slice('target:'.length) };
  if (isGitAddress(value)) return { kind: 'git', address: value };
  if (/^https?:\/\//.test(value)) return { kind: 'http', url: value };
  if (isAbsolute(value)) return { kind: 'folder', path: value };
  throw fail(`"${value.slice(0, 300)}" is neither an absolute path nor an address`);
}

function parseLayout(text: string, fail: (why: string) => LadingError): LayoutContext {
  const [, path = '', tag, digest] = /^([^]*?)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(text) ?? [];
  if (!isAbsolute(path)) throw fail(`the OCI layout "${text.slice(0, 300)}" is not an absolute path`);
  return { kind: 'layout', path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}
