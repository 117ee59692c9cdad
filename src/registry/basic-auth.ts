import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, Buffer, number, Buffer>(scrypt);
const KEY_BYTES = 32;
const MAX_REMEMBERED = 1000;

/** User → password, plain or as made by {@link hashPassword}. */
export type Users = Readonly<Record<string, string>>;

/** `scrypt:<salt>:<key>`, base64, for a users file. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, KEY_BYTES);
  return `scrypt:${salt.toString('base64')}:${key.toString('base64')}`;
}

/** Checks Authorization headers; remembers (hashed) those that passed, since scrypt is slow on purpose. */
export class BasicAuth {
  readonly #users: ReadonlyMap<string, string>;
  readonly #passed = new Set<string>();

  constructor(users: Users) {
    this.#users = new Map(Object.entries(users));
  }

  async allows(header: string | undefined): Promise<boolean> {
    const encoded = /^basic +([a-z0-9+/]+=*)$/i.exec(header ?? '')?.[1];
    if (encoded === undefined) return false;
    const fingerprint = createHash('sha256').update(encoded).digest('base64');
    if (this.#passed.has(fingerprint)) return true;
    const text = Buffer.from(encoded, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    const stored = this.#users.get(text.slice(0, Math.max(0, colon)));
    const matches = await passwordMatches(text.slice(colon + 1), stored ?? '');
    if (colon < 0 || stored === undefined || !matches) return false;
    if (this.#passed.size >= MAX_REMEMBERED) this.#passed.clear();
    this.#passed.add(fingerprint);
    return true;
  }
}

async function passwordMatches(password: string, stored: string): Promise<boolean> {
  const [kind, salt = '', key = ''] = stored.split(':');
  if (kind !== 'scrypt' || key === '') return timingSafeEqual(sha256(password), sha256(stored));
  const expected = Buffer.from(key, 'base64');
  const found = await derive(password, Buffer.from(salt, 'base64'), KEY_BYTES);
  return expected.length === found.length && timingSafeEqual(found, expected);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
