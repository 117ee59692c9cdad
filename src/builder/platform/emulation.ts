import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LadingError } from '../../errors/index.ts';
import { formatPlatform, hostPlatform, normalizePlatform, type Platform } from '../../oci/index.ts';

/** Where the kernel lists the programs it hands foreign executables to (Documentation/admin-guide/binfmt-misc.rst). */
const BINFMT_MISC = '/proc/sys/fs/binfmt_misc';

/** ELF's class (1: 32 bit, 2: 64 bit), byte order and e_machine of an architecture's programs. */
const ELF: Readonly<Record<string, readonly [bits: 1 | 2, order: 'LE' | 'BE', machine: number]>> = {
  '386': [1, 'LE', 0x03],
  amd64: [2, 'LE', 0x3e],
  arm: [1, 'LE', 0x28],
  arm64: [2, 'LE', 0xb7],
  loong64: [2, 'LE', 0x102],
  mips64: [2, 'BE', 0x08],
  mips64le: [2, 'LE', 0x08],
  ppc64: [2, 'BE', 0x15],
  ppc64le: [2, 'LE', 0x15],
  riscv64: [2, 'LE', 0xf3],
  s390x: [2, 'BE', 0x16],
};

/** What else a processor of an architecture executes itself. */
const ALSO: Readonly<Record<string, readonly string[]>> = { amd64: ['386'], arm64: ['arm'] };

/** An entry of binfmt_misc. */
export interface Emulator {
  readonly name: string;
  readonly enabled: boolean;
  readonly interpreter: string;
  /** The kernel opened the interpreter when it was registered (flag F): it works inside containers, which do not have it. */
  readonly fixed: boolean;
  /** Undefined for an entry that goes by a file's extension. */
  readonly magic: { readonly offset: number; readonly bytes: Buffer; readonly mask: Buffer } | undefined;
}

/**
 * Makes sure that programs for a platform run here, by the processor or by an emulator the kernel knows.
 * @throws unavailable, naming the emulator that is missing and how to get it
 */
export async function checkRunnable(
  platform: Platform,
  options: { readonly host?: Platform; readonly folder?: string } = {},
): Promise<void> {
  const { host = hostPlatform(), folder = BINFMT_MISC } = options;
  const wanted = normalizePlatform(platform);
  const { architecture } = wanted;
  if (wanted.os !== host.os)
    throw new LadingError(
      'unavailable',
      `RUN for ${formatPlatform(wanted)}: this machine runs ${host.os} programs only`,
    );
  if (architecture === host.architecture || ALSO[host.architecture]?.includes(architecture)) return;
  const found = (await readEmulators(folder)).filter((entry) => handles(entry, architecture));
  if (found.some(({ enabled, fixed }) => enabled && fixed)) return;
  throw new LadingError('unavailable', `RUN for ${formatPlatform(wanted)}: ${whyNot(found, host, architecture)}`, {
    hint: hintFor(architecture),
  });
}

function whyNot(found: readonly Emulator[], host: Platform, architecture: string): string {
  const [first] = found;
  const machine = `this machine is ${formatPlatform(host)}`;
  if (!first) return `${machine} and has no emulator for ${architecture} (none in ${BINFMT_MISC})`;
  if (!first.enabled) return `${machine} and its emulator for ${architecture}, "${first.name}", is disabled`;
  return `${machine} and its emulator for ${architecture}, "${first.name}", was registered without flag F, so that containers cannot use it`;
}

function hintFor(architecture: string): string {
  return [
    'install the packages qemu-user-static and binfmt-support,',
    `or register one from an image: docker run --privileged --rm tonistiigi/binfmt --install ${architecture};`,
    'or run that step in a stage FROM --platform=$BUILDPLATFORM and cross-compile',
  ].join(' ');
}

/** The entries of binfmt_misc; none when it is not mounted or switched off as a whole. */
export async function readEmulators(folder: string = BINFMT_MISC): Promise<Emulator[]> {
  const names = await readdir(folder).catch(() => []);
  const status = await readFile(join(folder, 'status'), 'utf8').catch(() => '');
  const entries = names.filter((name) => name !== 'status' && name !== 'register');
  const texts = entries.map(async (name) => parseEmulator(name, await readFile(join(folder, name), 'utf8')));
  const read = await Promise.all(texts.map((entry) => entry.catch(() => undefined)));
  const off = status.trim() === 'disabled';
  return read.flatMap((entry) => (entry ? [off ? { ...entry, enabled: false } : entry] : []));
}

/** Reads one entry as the kernel prints it. */
export function parseEmulator(name: string, text: string): Emulator {
  const lines = text.split('\n');
  const value = (key: string): string | undefined =>
    lines.find((line) => line.startsWith(`${key} `) || line.startsWith(`${key}: `))?.replace(/^\S+ +/, '');
  const magic = value('magic');
  const bytes = Buffer.from(magic ?? '', 'hex');
  const mask = value('mask');
  return {
    name,
    enabled: lines[0] === 'enabled',
    interpreter: value('interpreter') ?? '',
    fixed: (value('flags') ?? '').includes('F'),
    magic:
      magic === undefined
        ? undefined
        : {
            offset: Number(value('offset') ?? 0),
            bytes,
            mask: mask === undefined ? Buffer.alloc(bytes.length, 0xff) : Buffer.from(mask, 'hex'),
          },
  };
}

/** Whether the kernel would hand a program for the architecture to it. */
export function handles({ magic }: Emulator, architecture: string): boolean {
  const header = elfHeader(architecture);
  if (!header || !magic || magic.bytes.length === 0) return false;
  return magic.bytes.every((byte, i) => {
    const mask = magic.mask[i] ?? 0xff;
    return ((header[magic.offset + i] ?? 0) & mask) === (byte & mask);
  });
}

/** The beginning of a static program's file. */
function elfHeader(architecture: string): Buffer | undefined {
  const elf = ELF[architecture];
  if (!elf) return undefined;
  const [bits, order, machine] = elf;
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, bits, order === 'LE' ? 1 : 2, 1]);
  const write = (value: number, at: number): void =>
    void (order === 'LE' ? header.writeUInt16LE(value, at) : header.writeUInt16BE(value, at));
  write(2, 16);
  write(machine, 18);
  return header;
}
