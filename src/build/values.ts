import { randomUUID } from 'node:crypto';
import { LadingError } from '../errors/index.ts';
import { NEWLINE } from './newline.ts';

/**
 * Texts of a program are literal: a "$" in them is a dollar. What a build shall replace is said with a value of this file, by itself or
 * inside a template: `image(`node:${version}`)`. In a template it becomes a mark that no other text can contain, for it holds a
 * number drawn at random when the process started.
 */
const MARK = `\u0002${randomUUID()}:`;
const MARK_END = '\u0003';
const marked: Reference[] = [];
const PATTERN = new RegExp(`${MARK}(\\d+)${MARK_END}`, 'g');

/** A place in a text that the build fills in. */
export class Reference {
  /** As a Dockerfile writes it: "${VERSION:-1}". */
  readonly syntax: string;
  /** As a shell's command line writes it: there, quotes are quotes inside of braces, too. */
  readonly shell: string;
  /** The argument that has to be declared before. */
  readonly declares: Arg | undefined;

  constructor(syntax: string, declares?: Arg, shell = syntax) {
    this.syntax = syntax;
    this.shell = shell;
    this.declares = declares ?? (this instanceof Arg ? this : undefined);
  }

  #mark: string | undefined;

  /** The mark for templates. */
  toString(): string {
    if (this.#mark === undefined) {
      this.#mark = `${MARK}${marked.length}${MARK_END}`;
      marked.push(this);
    }
    return this.#mark;
  }
}

/** A variable with the forms that choose or change its value. */
class Variable<Name extends string = string> extends Reference {
  readonly name: Name;

  constructor(name: Name, declares?: Arg) {
    super(`\${${name}}`, declares);
    this.name = name;
  }

  /** `${NAME:-text}`: `text` when it is unset or empty. */
  or(text: string): Reference {
    return this.#word(':-', text);
  }

  /** `${NAME:+text}`: `text` when it is set and not empty, else nothing. */
  ifSet(text: string): Reference {
    return this.#word(':+', text);
  }

  /** `${NAME:?message}`: the build fails with the message when it is unset or empty. */
  required(message = ''): Reference {
    return this.#word(':?', message);
  }

  /** `${NAME#pattern}`, or the longest match: `${NAME##pattern}`. */
  trimStart(pattern: string, options: { readonly longest?: boolean } = {}): Reference {
    return this.#form(`${options.longest === true ? '##' : '#'}${plain(pattern)}`);
  }

  /** `${NAME%pattern}`, or the longest match: `${NAME%%pattern}`. */
  trimEnd(pattern: string, options: { readonly longest?: boolean } = {}): Reference {
    return this.#form(`${options.longest === true ? '%%' : '%'}${plain(pattern)}`);
  }

  /** `${NAME/pattern/text}`, or every match: `${NAME//pattern/text}`. */
  replace(pattern: string, text: string, options: { readonly all?: boolean } = {}): Reference {
    return this.#form(`${options.all === true ? '//' : '/'}${plain(pattern)}/${plain(text)}`);
  }

  #word(modifier: string, text: string): Reference {
    checkText(text, 'a variable’s other value');
    const quoted = /^[\w./:@+,=-]*$/.test(text) ? text : `"${text.replace(/["\\$`]/g, '\\$&')}"`;
    const escaped = text.replace(/[\s"'\\$}<]/g, (ch) => (ch === '\n' ? NEWLINE : `\\${ch}`));
    const form = (inner: string): string => `\${${this.name}${modifier}${inner}}`;
    return new Reference(form(escaped), this.declares, form(quoted));
  }

  #form(modifier: string): Reference {
    return new Reference(`\${${this.name}${modifier}}`, this.declares);
  }
}

/** A build argument. Using it in a stage declares it there, in front of the step that uses it first; `image.arg()` does so by hand. */
export class Arg<Name extends string = string> extends Variable<Name> {
  readonly default: string | undefined;
  /** TARGETARCH and the like: every build has them. */
  readonly predefined: boolean;

  constructor(name: Name, fallback?: string, predefined = false) {
    super(name);
    this.default = fallback;
    this.predefined = predefined;
  }
}

/** A text, possibly with references in it. Numbers and booleans are written as JavaScript writes them. */
export type Text = string | Reference;

type Bad = ' ' | '=' | '$' | '-' | '"' | "'" | '.' | '/' | '{' | '}';
/** A literal that cannot be a variable's name becomes a type nothing fits. */
export type VariableName<Name extends string> = Name extends '' | `${string}${Bad}${string}` ? never : Name;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Declares a build argument: `--build-arg NAME=…`, else `fallback`, else unset. @throws invalid_argument for a bad name or value */
export function arg<const Name extends string>(name: Name & VariableName<Name>, fallback?: string): Arg<Name> {
  if (fallback !== undefined) checkText(fallback, `arg("${name}")`);
  return new Arg<Name>(checkName(name) as Name, fallback);
}

/** A variable of the image (ENV), or an argument declared elsewhere: `env({ PATH: `/app/bin:${variable('PATH')}` })`. */
export function variable<const Name extends string>(name: Name & VariableName<Name>): Variable<Name> {
  return new Variable<Name>(checkName(name) as Name);
}

export type { Variable };

const predefined = <Name extends string>(name: Name): Arg<Name> => new Arg(name, undefined, true);

/** The platform the image is for, and the one that builds it; usable without a declaration. */
export const TARGETPLATFORM = predefined('TARGETPLATFORM');
export const TARGETOS = predefined('TARGETOS');
export const TARGETARCH = predefined('TARGETARCH');
export const TARGETVARIANT = predefined('TARGETVARIANT');
export const BUILDPLATFORM = predefined('BUILDPLATFORM');
export const BUILDOS = predefined('BUILDOS');
export const BUILDARCH = predefined('BUILDARCH');
export const BUILDVARIANT = predefined('BUILDVARIANT');
/** Name of the stage that was asked for. */
export const TARGETSTAGE = predefined('TARGETSTAGE');

/** The literal and the variable parts of a text, in order. */
export function partsOf(text: Text): (string | Reference)[] {
  if (text instanceof Reference) return [text];
  if (typeof text !== 'string') throw notText(text);
  const parts: (string | Reference)[] = [];
  let at = 0;
  for (const match of text.matchAll(PATTERN)) {
    if (match.index > at) parts.push(text.slice(at, match.index));
    parts.push(marked[Number(match[1])]!);
    at = match.index + match[0].length;
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts;
}

/** Programs need not be checked by a compiler. */
function notText(found: unknown): LadingError {
  const what = found !== null && typeof found === 'object' ? `a ${found.constructor?.name ?? 'object'}` : String(found);
  return new LadingError('invalid_argument', `a text is wanted, this is ${what}`);
}

/** The arguments a text uses. */
export function argsIn(text: Text): Arg[] {
  return partsOf(text).flatMap((part) => (part instanceof Reference ? (part.declares ?? []) : []));
}

/** A text with its references for a command line, where a shell replaces them; for messages, too. */
export function written(text: Text): string {
  return partsOf(text)
    .map((part) => (part instanceof Reference ? part.shell : part))
    .join('');
}

/** The text, when nothing in it is to be replaced. */
export function literalOf(text: Text): string | undefined {
  const parts = partsOf(text);
  return parts.every((part) => typeof part === 'string') ? parts.join('') : undefined;
}

/** Whether words of these texts need {@link NEWLINE}. */
export function hasBreak(texts: readonly Text[]): boolean {
  return texts
    .flatMap(partsOf)
    .some((part) => (part instanceof Reference ? part.syntax.includes(NEWLINE) : part.includes('\n')));
}

/** What no image configuration and no process can hold. @throws invalid_argument */
export function checkText(text: string, where: string): string {
  if (typeof text !== 'string') throw notText(text);
  if (text.includes('\0')) throw new LadingError('invalid_argument', `${where}: a text cannot hold a NUL character`);
  if (!text.isWellFormed())
    throw new LadingError('invalid_argument', `${where}: a text cannot hold half of a surrogate pair`);
  return text;
}

function checkName(name: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name;
  throw new LadingError('invalid_argument', `invalid variable name ${JSON.stringify(name)}`, {
    hint: 'letters, digits and "_", not beginning with a digit',
  });
}

function plain(pattern: string): string {
  if (/^[^"'\\${}/\r\n\0]*$/.test(pattern)) return pattern;
  throw new LadingError('invalid_argument', `invalid pattern ${JSON.stringify(pattern)} for a variable`, {
    hint: 'quotes, backslashes, slashes, dollars, braces and line breaks cannot be said there',
  });
}
