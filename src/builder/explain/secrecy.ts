import { createHmac } from 'node:crypto';
import type { StepInputs } from '../cache/cache-record.ts';

/** Names whose values are nobody's to see, as Docker's check SecretsUsedInArgOrEnv has them. */
const SECRET = /(?:^|_)(?:api_?key|auth|credentials?|key|pass|password|passphrase|pword|passwd|secrets?|token)(?:_|$)/i;
const PUBLIC = /(?:^|_)public(?:_|$)/i;
const MASK = '****:';
const MIN_SECRET = 4;

export function looksSecret(name: string): boolean {
  return SECRET.test(name) && !PUBLIC.test(name);
}

/** Keeps secrets out of what is remembered and shown: given to the build, or named like one. */
export class Secrecy {
  readonly #salt: () => string;
  readonly #secrets: readonly string[];

  /** @param salt the store's own, so that masked values of two stores cannot be compared */
  constructor(salt: () => string, secrets: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#salt = salt;
    this.#secrets = [...secrets.values()]
      .map((bytes) => Buffer.from(bytes).toString('utf8').trim())
      .filter((text) => text.length >= MIN_SECRET);
  }

  /** A variable's value as it may be kept: equal values stay equal. */
  value(name: string, value: string): string {
    if (value.startsWith(MASK)) return value;
    return looksSecret(name) || this.#holdsSecret(value) ? this.#mask(value) : withoutPassword(value);
  }

  /** Any text, with the secrets of this build and passwords in addresses replaced. */
  text(text: string): string {
    const hidden = this.#secrets.reduce((left, secret) => left.replaceAll(secret, '****'), text);
    return withoutPassword(hidden);
  }

  /** The same for every text in a JSON value. */
  json(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((one) => this.json(one));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.json(one)]));
  }

  /** Inputs of a step as they may be kept. */
  inputs(inputs: StepInputs): StepInputs {
    const { env, ...rest } = inputs;
    const masked = this.json(rest) as StepInputs;
    if (!Array.isArray(env)) return env === undefined ? masked : { ...masked, env };
    return { ...masked, env: env.map((entry) => this.#variable(String(entry))) };
  }

  #variable(entry: string): string {
    const at = entry.indexOf('=');
    return at < 0 ? entry : `${entry.slice(0, at)}=${this.value(entry.slice(0, at), entry.slice(at + 1))}`;
  }

  #holdsSecret(text: string): boolean {
    return this.#secrets.some((secret) => text.includes(secret));
  }

  #mask(value: string): string {
    return MASK + createHmac('sha256', this.#salt()).update(value).digest('hex').slice(0, 16);
  }
}

export function isMasked(value: string): boolean {
  return value.startsWith(MASK);
}

/** An address keeps its user's place, not the user and the password. */
function withoutPassword(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/?#\s"']+@/gi, '$1****@');
}
