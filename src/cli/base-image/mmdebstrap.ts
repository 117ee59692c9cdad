import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { LadingError, errnoOf } from '../../errors/index.ts';
import { hostDistribution, mirrorOfHost, type Suite } from './suite.ts';

export interface BaseOptions {
  readonly suite: Suite;
  readonly packages: readonly string[];
  readonly variant: string;
  readonly mirror: string | undefined;
  /** Without documentation, manual pages and translations. */
  readonly slim: boolean;
  /** Copied in as the image's certificates. */
  readonly hostCertificates: string | undefined;
}

/** Where an image made with `--host-certs` keeps this machine's certificates. */
export const IMAGE_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
const CERTIFICATE_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
];

const SLIM_PATHS = [
  '/usr/share/doc/*',
  '/usr/share/man/*',
  '/usr/share/info/*',
  '/usr/share/locale/*',
  '/usr/share/lintian/*',
];

/** The arguments of mmdebstrap: packages are checked against the distribution's keyring by apt itself. */
export function mmdebstrapArguments(options: BaseOptions, mirror: string | undefined): string[] {
  const { suite, packages, variant, slim, hostCertificates } = options;
  return [
    `--variant=${variant}`,
    '--format=tar',
    ...(packages.length === 0 ? [] : [`--include=${packages.join(',')}`]),
    ...(slim
      ? [
          ...SLIM_PATHS.map((path) => `--dpkgopt=path-exclude=${path}`),
          '--dpkgopt=path-include=/usr/share/doc/*/copyright',
        ]
      : []),
    // What a container has no use for: indexes and caches that the next `apt-get update` makes again.
    '--aptopt=Acquire::Languages "none"',
    ...(hostCertificates === undefined
      ? []
      : [
          '--customize-hook=mkdir -p "$1/etc/ssl/certs"',
          `--customize-hook=upload ${hostCertificates} ${IMAGE_CERTIFICATES}`,
        ]),
    '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/cache/debconf/*-old "$1"/var/log/*.log "$1"/var/log/apt',
    suite.name,
    '-',
    ...(mirror === undefined ? [] : [mirror]),
  ];
}

/** The tar as it is made, and the end of it. */
export interface BaseProcess {
  readonly tar: Readable;
  /** Rejects with mmdebstrap's last error lines. */
  readonly ended: Promise<void>;
  kill(): void;
}

/** Runs mmdebstrap; its progress lines go to `onLine`. @throws unavailable when it is not installed */
export async function startMmdebstrap(options: BaseOptions, onLine: (line: string) => void): Promise<BaseProcess> {
  const mirror = options.mirror ?? defaultMirror(options.suite);
  const child = spawn('mmdebstrap', mmdebstrapArguments(options, mirror), { stdio: ['ignore', 'pipe', 'pipe'] });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(cannotStart(error)));
  });
  return { tar: child.stdout, ended: endOf(child, onLine), kill: () => void child.kill('SIGTERM') };
}

/** This machine's certificate bundle. @throws unavailable */
export function hostCertificateFile(env: Readonly<Record<string, string | undefined>>): string {
  const named = env['SSL_CERT_FILE'];
  for (const path of [...(named === undefined ? [] : [named]), ...CERTIFICATE_FILES])
    try {
      if (readFileSync(path).length > 0) return path;
    } catch {
      // The next one.
    }
  throw new LadingError('unavailable', '--host-certs: this machine has no certificate bundle', {
    hint: 'apt-get install ca-certificates',
  });
}

/** Another distribution's packages come from where mmdebstrap finds them by itself. */
function defaultMirror(suite: Suite): string | undefined {
  return hostDistribution() === suite.distribution ? mirrorOfHost(aptSources()) : undefined;
}

function aptSources(): string[] {
  const folder = '/etc/apt/sources.list.d';
  const files = ['/etc/apt/sources.list'];
  try {
    files.push(...readdirSync(folder).map((name) => join(folder, name)));
  } catch {
    // No such folder: only the one file.
  }
  return files.flatMap((file) => {
    try {
      return [readFileSync(file, 'utf8')];
    } catch {
      return [];
    }
  });
}

async function endOf(
  child: ChildProcessByStdio<null, Readable, Readable>,
  onLine: (line: string) => void,
): Promise<void> {
  const tail: string[] = [];
  let partial = '';
  child.stderr.on('data', (chunk: Buffer) => {
    const lines = (partial + chunk.toString('utf8')).split(/[\r\n]+/);
    partial = lines.pop() ?? '';
    for (const line of lines) {
      onLine(line);
      tail.push(line);
      if (tail.length > 12) tail.shift();
    }
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  if (code === 0) return;
  const problems = tail.filter((line) => /^(?:E|Err|W):|error/i.test(line));
  const shown = (problems.length > 0 ? problems : tail.slice(-3)).join('\n');
  throw new LadingError('unavailable', `mmdebstrap ended with status ${code ?? 'unknown'}: ${shown}`, {
    hint: 'check the suite, the package names and the network (--mirror names another archive)',
  });
}

function cannotStart(error: Error): LadingError {
  if (errnoOf(error) !== 'ENOENT')
    return new LadingError('unavailable', `run mmdebstrap: ${error.message}`, { cause: error });
  return new LadingError('unavailable', 'run mmdebstrap: program not found', {
    cause: error,
    hint: 'apt-get install mmdebstrap',
  });
}
