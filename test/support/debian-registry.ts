import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** bcrypt of "s3cret", the only kind of hash docker-registry takes. */
const HTPASSWD = 'ann:$2b$04$32i8qOvYFy.u2q.m31lCjOOldH6ov/t3HPPyEJsUBqssIT8hlm7xq\n';

/** Why Debian's registry cannot be started here; undefined when it can. */
export function debianRegistrySkipReason(): string | undefined {
  const { error } = spawnSync('docker-registry', ['--version']);
  return error ? 'the package docker-registry is not installed' : undefined;
}

export interface StartedRegistry extends AsyncDisposable {
  readonly host: string;
}

/** Debian's `docker-registry` on a free loopback port, with its data in a temporary folder. */
export async function startDebianRegistry(options: { readonly auth?: boolean } = {}): Promise<StartedRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'lading-debian-registry-'));
  const config = join(folder, 'config.json');
  await writeFile(join(folder, 'htpasswd'), HTPASSWD);
  await writeFile(
    config,
    // JSON is YAML.
    JSON.stringify({
      version: '0.1',
      log: { level: 'info', formatter: 'json' },
      storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
      http: { addr: '127.0.0.1:0' },
      ...(options.auth ? { auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } } } : {}),
    }),
  );
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  for await (const line of createInterface({ input: child.stderr })) {
    const host = /listening on (127\.0\.0\.1:[0-9]+)/.exec(line)?.[1];
    if (host === undefined) continue;
    child.stderr.resume();
    return { host, [Symbol.asyncDispose]: stop };
  }
  await stop();
  throw new Error('docker-registry ended without listening');
}
