import { join } from 'node:path';

/** The socket of this user's own daemon. */
export function defaultSocket(
  env: Readonly<Record<string, string | undefined>>,
  uid: number = process.getuid?.() ?? 0,
): string {
  if (uid === 0) return '/run/lading/lading.sock';
  return join(env['XDG_RUNTIME_DIR'] ?? `/run/user/${uid}`, 'lading', 'lading.sock');
}

/** What `--host` or LADING_HOST name, if anything. */
export function namedHost(
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  return flag || env['LADING_HOST'] || undefined;
}
