import { LadingError } from '../errors/index.ts';

/** image-spec image-index.md, "platform". */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
}

const ARCH_ALIASES: Readonly<Record<string, readonly [string, string?]>> = {
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  x64: ['amd64'],
  aarch64: ['arm64'],
  i386: ['386'],
  ia32: ['386'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
};

/** Reads `os/arch[/variant]`, `os` or `arch`, with the aliases containerd knows. @throws invalid_argument */
export function parsePlatform(text: string, host: Platform = hostPlatform()): Platform {
  const parts = text.toLowerCase().split('/');
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part)))
    throw new LadingError('invalid_argument', `invalid platform: "${text}"`, {
      hint: 'use os/arch, for example linux/amd64',
    });
  if (parts.length === 1) {
    const only = parts[0] ?? '';
    if (only === 'linux' || only === 'windows' || only === 'darwin') return { ...host, os: only };
    return normalizePlatform({ os: host.os, architecture: only });
  }
  const [os = '', architecture = '', variant] = parts;
  return normalizePlatform(variant === undefined ? { os, architecture } : { os, architecture, variant });
}

/** Canonical architecture names; arm64/v8 and amd64/v1 lose the implied variant. */
export function normalizePlatform(platform: Platform): Platform {
  const alias = ARCH_ALIASES[platform.architecture];
  const architecture = alias?.[0] ?? platform.architecture;
  let variant = platform.variant ?? alias?.[1];
  if (
    (architecture === 'arm64' && (variant === 'v8' || variant === '8')) ||
    (architecture === 'amd64' && variant === 'v1')
  )
    variant = undefined;
  if (architecture === 'arm' && variant === undefined) variant = 'v7';
  const { variant: _dropped, ...rest } = platform;
  return variant === undefined ? { ...rest, architecture } : { ...rest, architecture, variant };
}

/** `os/arch[/variant]`. */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant]
    .filter((part) => part !== undefined && part !== '')
    .join('/');
}

/** Whether an image for `have` runs where `want` is asked for. */
export function platformMatches(want: Platform, have: Platform): boolean {
  const [a, b] = [normalizePlatform(want), normalizePlatform(have)];
  return a.os === b.os && a.architecture === b.architecture && (a.variant ?? '') === (b.variant ?? '');
}

const NODE_ARCH: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', ia32: '386', arm: 'arm' };

/** The platform containers run on here: Linux on this processor. */
export function hostPlatform(arch: string = process.arch): Platform {
  return normalizePlatform({ os: 'linux', architecture: NODE_ARCH[arch] ?? arch });
}
