import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isGitAddress, parseReference } from '../oci/index.ts';
import { LadingError } from '../errors/index.ts';
import type { Image } from './image.ts';
import { callerPlace } from './place.ts';
import { checkText, type Text } from './values.ts';

/** A stage by itself, a named context, or an image's reference. */
export type From = Image | NamedContext | string;

/** How a `from` is written: the names of stages are chosen when the Dockerfile is written. */
export type Names = (from: From) => string;

/** Files that are not the build's own context; made by {@link context}. */
export class NamedContext {
  /** Undefined: chosen when the Dockerfile is written. */
  readonly name: string | undefined;
  /** As `--build-context NAME=` takes it; undefined when the one who builds has to give it. */
  readonly value: string | undefined;

  constructor(name: string | undefined, value: string | undefined) {
    this.name = name;
    this.value = value;
  }
}

/** A repository as a source of `add()`, or of {@link context}; made by {@link git}. */
export class GitSource {
  readonly address: string;
  readonly checksum: string | undefined;

  constructor(address: string, checksum: string | undefined) {
    this.address = address;
    this.checksum = checksum;
  }
}

/** A file on a web server as a source of `add()`, or an archive for {@link context}; made by {@link http}. */
export class HttpSource {
  readonly url: Text;
  readonly checksum: Text | undefined;

  constructor(url: Text, checksum: Text | undefined) {
    this.url = url;
    this.checksum = checksum;
  }
}

/** A file whose content the program holds; made by {@link file}. */
export class InlineFile {
  readonly content: Text;
  readonly name: string | undefined;

  constructor(content: Text, name: string | undefined) {
    this.content = content;
    this.name = name;
  }
}

const CONTEXT_NAME = /^[a-z][a-z0-9._-]*$/;

/**
 * Files from elsewhere, for `copy({ from })`, `bind({ from })` and `image()`:
 * `context('docs')` is given with `--build-context docs=…`; `context('../docs')` is a folder beside the program;
 * `context('docs', '../docs' | git(…) | http(…) | 'docker-image://…' | 'oci-layout:///…')` is both: a default the user may replace.
 */
export function context(nameOrFolder: string | URL, source?: string | URL | GitSource | HttpSource): NamedContext {
  if (nameOrFolder instanceof URL) return new NamedContext(undefined, folderOf(nameOrFolder));
  checkText(nameOrFolder, 'context()');
  if (source === undefined && /^\.{0,2}\/|^\.{1,2}$/.test(nameOrFolder))
    return new NamedContext(undefined, folderOf(nameOrFolder));
  if (!CONTEXT_NAME.test(nameOrFolder))
    throw new LadingError('invalid_argument', `context(): invalid name ${JSON.stringify(nameOrFolder)}`, {
      hint: 'a name is lower-case letters, digits, ".", "_" and "-"; a folder begins with "./", "../" or "/"',
    });
  return new NamedContext(nameOrFolder, source === undefined ? undefined : contextValue(source));
}

function contextValue(source: string | URL | GitSource | HttpSource): string {
  if (source instanceof GitSource) {
    if (source.checksum === undefined) return source.address;
    throw new LadingError(
      'invalid_argument',
      'context(): a Git context has no checksum: name the commit in its address',
    );
  }
  if (source instanceof HttpSource) return String(source.url);
  if (
    typeof source === 'string' &&
    (/^(?:docker-image|oci-layout|target|https?):/.test(source) || isGitAddress(source))
  )
    return source;
  return folderOf(source);
}

/** Relative to the folder of the program that says it. */
function folderOf(folder: string | URL): string {
  if (folder instanceof URL) return fileURLToPath(folder);
  checkText(folder, 'context()');
  const { file } = callerPlace();
  return resolve(file === '' ? process.cwd() : dirname(file), folder);
}

/** A Git repository: `git('https://host/team/app.git#v1:subfolder')`. @throws invalid_argument */
export function git(address: string, options: { readonly checksum?: string } = {}): GitSource {
  checkText(address, 'git()');
  if (!isGitAddress(address))
    throw new LadingError('invalid_argument', `git(): ${JSON.stringify(address)} is not a Git address`, {
      hint: 'for example https://host/team/app.git#v1.0:subfolder, git@host:team/app.git, ssh://…, git://…',
    });
  return new GitSource(address, options.checksum);
}

/** A file on a web server; with a checksum it is pinned: `http(url, { checksum: 'sha256:…' })`. @throws invalid_argument */
export function http(url: Text, options: { readonly checksum?: Text } = {}): HttpSource {
  if (typeof url === 'string' && !/^https?:\/\/\S+$/.test(checkText(url, 'http()')))
    throw new LadingError('invalid_argument', `http(): ${JSON.stringify(url)} is not an http address`);
  return new HttpSource(url, options.checksum);
}

/**
 * A file with this content, for `copy()` and `add()`: a here-document. It ends with a line break, added when the text has none.
 * `name` is its name when it is copied into a folder.
 */
export function file(content: Text, options: { readonly name?: string } = {}): InlineFile {
  const { name } = options;
  if (typeof content === 'string') checkText(content, 'file()');
  if (name !== undefined && !/^[A-Za-z0-9_.][A-Za-z0-9_.-]*$/.test(name))
    throw new LadingError('invalid_argument', `file(): invalid name ${JSON.stringify(name)}`, {
      hint: 'letters, digits, ".", "_" and "-"; any other name can be given in the destination',
    });
  return new InlineFile(content, name);
}

/** Checks an image's reference given as text. @throws invalid_argument */
export function checkReference(reference: string, where: string): string {
  if (/^\d+$/.test(reference))
    throw new LadingError('invalid_argument', `${where}: ${JSON.stringify(reference)} is a number, not an image`, {
      hint: 'stages are values: give the stage itself',
    });
  parseReference(reference);
  return reference;
}
