import type { From, Names } from './sources.ts';
import { csvField, flagValue, word } from './quote.ts';
import { Reference, type Text } from './values.ts';

/** Owner and permissions of what a mount makes; `mode` is octal digits ("0755") or a number. */
interface Owned {
  readonly mode?: string | number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface BindOptions {
  /** A stage, an image or a named context; absent is the build's context. */
  readonly from?: From;
  readonly source?: Text;
  /** What is written is thrown away after the step. */
  readonly readWrite?: boolean;
}

export interface CacheOptions extends Owned {
  /** Default: the target. */
  readonly id?: Text;
  readonly sharing?: 'shared' | 'private' | 'locked';
  /** What an empty cache begins with. */
  readonly from?: From;
  readonly source?: Text;
  readonly readOnly?: boolean;
}

export interface TmpfsOptions {
  /** Bytes, or "64m". */
  readonly size?: number | `${number}${'' | 'k' | 'm' | 'g'}`;
}

export interface SecretOptions extends Owned {
  /** Where the file appears; default /run/secrets/ID. */
  readonly target?: Text;
  /** Give it as an environment variable of this name, or of the id's: true. */
  readonly env?: string | true;
  /** Fail when the build was not given it. */
  readonly required?: boolean;
}

export interface SshOptions extends Owned {
  readonly id?: Text;
  readonly target?: Text;
  readonly required?: boolean;
}

type Field = readonly [key: string, value: Text | number | boolean | undefined];

/** A mount of one RUN step; made by {@link bind}, {@link cache}, {@link tmpfs}, {@link secret}, {@link ssh}. */
export class Mount {
  readonly type: 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';
  readonly from: From | undefined;
  /** The secret's or cache's name, as a plan shows it. */
  readonly id: Text | undefined;
  readonly target: Text | undefined;
  readonly #fields: readonly Field[];

  constructor(type: Mount['type'], fields: readonly Field[], from?: From) {
    this.type = type;
    this.from = from;
    this.#fields = fields;
    this.id = textOf(fields, 'id');
    this.target = textOf(fields, 'target');
  }

  /** Texts that may hold references. */
  texts(): Text[] {
    return this.#fields.flatMap(([, value]) => (typeof value === 'string' || value instanceof Reference ? value : []));
  }

  /** The value of --mount=. */
  render(names: Names): string {
    const fields: Field[] = [['type', this.type]];
    if (this.from !== undefined) fields.push(['from', names(this.from)]);
    const texts = [...fields, ...this.#fields].flatMap(([key, value]) => {
      if (value === undefined || value === false) return [];
      if (value === true) return key;
      return csvField(
        `${key}=${key === 'from' || value === '' ? String(value) : word(typeof value === 'number' ? `${value}` : value)}`,
      );
    });
    return flagValue(texts.join(','));
  }
}

function textOf(fields: readonly Field[], name: string): Text | undefined {
  const value = fields.find(([key]) => key === name)?.[1];
  return typeof value === 'string' || value instanceof Reference ? value : undefined;
}

/** Files of the context, a stage or an image, visible while the step runs. */
export function bind(target: Text, options: BindOptions = {}): Mount {
  const { source, readWrite } = options;
  return new Mount(
    'bind',
    [
      ['source', source],
      ['target', target],
      ['rw', readWrite],
    ],
    options.from,
  );
}

/** A folder that outlives the step and the build, and is no part of the image. */
export function cache(target: Text, options: CacheOptions = {}): Mount {
  const { id, sharing, source, readOnly } = options;
  return new Mount(
    'cache',
    [['id', id], ['source', source], ['target', target], ['sharing', sharing], ['ro', readOnly], ...owned(options)],
    options.from,
  );
}

/** An empty folder in memory. */
export function tmpfs(target: Text, options: TmpfsOptions = {}): Mount {
  const { size } = options;
  return new Mount('tmpfs', [
    ['target', target],
    ['size', size === undefined ? undefined : `${size}`],
  ]);
}

/** A secret of the build (`--secret id=…`). It is in no layer, history or cache key. */
export function secret(id: Text, options: SecretOptions = {}): Mount {
  const { target, env, required } = options;
  const variable = env === true ? '' : env;
  return new Mount('secret', [
    ['id', id],
    ['target', target],
    ['env', variable],
    ['required', required],
    ...owned(options),
  ]);
}

/** The user's ssh agent (`--ssh default`), by SSH_AUTH_SOCK. */
export function ssh(options: SshOptions = {}): Mount {
  const { id, target, required } = options;
  return new Mount('ssh', [['id', id], ['target', target], ['required', required], ...owned(options)]);
}

function owned({ mode, uid, gid }: Owned): Field[] {
  return [
    ['mode', typeof mode === 'number' ? mode.toString(8).padStart(4, '0') : mode],
    ['uid', uid],
    ['gid', gid],
  ];
}
