import { mkdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { API_VERSION, serveApi } from '../api/index.ts';
import { Log } from '../base/index.ts';
import { openEngine } from '../engine/index.ts';
import { LadingError, messageOf } from '../errors/index.ts';
import { LADING_VERSION } from '../base/version.ts';
import { DAEMON_HELP, parseDaemonOptions } from './options.ts';

/** Set by scripts/build.ts; unknown when run from source. */
const BUILD = { gitCommit: process.env.LADING_COMMIT ?? '', buildTime: process.env.LADING_BUILD_TIME ?? '' };

/** The daemon's entry: reads the options, opens the engine, serves the API, ends on SIGTERM or SIGINT. Containers go on without it. */
export async function main(argv: readonly string[]): Promise<number> {
  const options = parseDaemonOptions(argv);
  if (options === 'help') return print(DAEMON_HELP);
  if (options === 'version') return print(`ladingd version ${LADING_VERSION}, API ${API_VERSION}\n`);
  requireRoot();
  // What containers see of the host's files (resolv.conf, volumes) must not depend on who started the daemon.
  process.umask(0o022);
  const log = new Log(options.debug ? 'debug' : 'info');
  mkdirSync(options.execRoot, { recursive: true, mode: 0o711 });
  const stopped = stopSignal();
  const hostsFile = join(options.dataRoot, 'ladingd.hosts');
  const engine = await openEngine({ ...options, log });
  try {
    const servers = [];
    for (const host of options.hosts)
      servers.push(
        await serveApi(engine, {
          host,
          log,
          ...BUILD,
          ...(options.group === undefined ? {} : { group: options.group }),
        }),
      );
    mkdirSync(dirname(options.pidfile), { recursive: true });
    writeFileSync(options.pidfile, `${process.pid}\n`);
    // A program that finds the store locked asks here instead (src/build).
    writeFileSync(hostsFile, `${options.hosts.join('\n')}\n`);
    log.info('serving', { hosts: options.hosts.join(' '), dataRoot: options.dataRoot });
    await stopped;
    log.info('stopping; containers keep running');
    for (const server of servers) await server.close();
  } finally {
    await rm(hostsFile, { force: true });
    await engine.close();
    await rm(options.pidfile, { force: true });
  }
  return 0;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new LadingError('permission_denied', 'start ladingd: it needs root for mounts, namespaces and networks', {
    hint: 'run it with sudo; image, registry and login verbs that need no daemon work without',
  });
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
}

/** Runs `main` as the process: errors become one line with their remedy, never a stack trace. */
async function run(argv: readonly string[]): Promise<void> {
  try {
    process.exitCode = await main(argv);
  } catch (error) {
    const hint = error instanceof LadingError && error.hint !== undefined ? `\nhint: ${error.hint}` : '';
    process.stderr.write(`ladingd: ${messageOf(error)}${hint}\n`);
    process.exitCode = 1;
  }
  process.exit();
}

await run(process.argv.slice(2));
