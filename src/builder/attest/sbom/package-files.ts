import { packageOf, type FoundPackage, type OsRelease } from './package.ts';

/** How a file that lists packages is read. */
export interface PackageFile {
  /** Of a path inside a layer, without a leading slash. */
  readonly matches: RegExp;
  /** Larger files are left out. */
  readonly maxBytes: number;
  /** Never throws for what the file says: it may be anything. */
  parse(text: string): FoundPackage[];
}

const MIB = 1 << 20;

export const PACKAGE_FILES: readonly PackageFile[] = [
  { matches: /^var\/lib\/dpkg\/status$/, maxBytes: 16 * MIB, parse: parseDpkg },
  // distroless: one file a package
  { matches: /^var\/lib\/dpkg\/status\.d\/[^/]+(?<!\.md5sums)$/, maxBytes: MIB, parse: parseDpkg },
  { matches: /^(?:usr\/)?lib\/apk\/db\/installed$/, maxBytes: 16 * MIB, parse: parseApk },
  { matches: /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/@][^/]*\/package\.json$/, maxBytes: MIB, parse: parsePackageJson },
  { matches: /(?:^|\/)package-lock\.json$/, maxBytes: 32 * MIB, parse: parsePackageLock },
  { matches: /\.(?:dist-info\/METADATA|egg-info\/PKG-INFO|egg-info)$/, maxBytes: MIB, parse: parsePython },
];

/** Paragraphs of "Key: value" lines, as dpkg's; continuation lines belong to their key. */
function parseDpkg(text: string): FoundPackage[] {
  return text.split(/\n\s*\n/).flatMap((paragraph) => {
    const fields = headerFields(paragraph);
    const status = fields.get('status');
    if (status !== undefined && !status.endsWith(' installed')) return [];
    const origin = fields.get('source')?.replace(/ .*/, '');
    const [name, version, arch] = [fields.get('package'), fields.get('version'), fields.get('architecture')];
    return packageOf('deb', { name, version, arch, origin }) ?? [];
  });
}

/** Lines of one letter, a colon and a value; an empty line ends a package. */
function parseApk(text: string): FoundPackage[] {
  return text.split(/\n\n+/).flatMap((paragraph) => {
    const fields = new Map<string, string>();
    for (const line of paragraph.split('\n'))
      if (line[1] === ':' && !fields.has(line[0]!)) fields.set(line[0]!, line.slice(2));
    const [name, version, arch] = [fields.get('P'), fields.get('V'), fields.get('A')];
    return packageOf('apk', { name, version, arch, license: fields.get('L'), origin: fields.get('o') }) ?? [];
  });
}

function parsePackageJson(text: string): FoundPackage[] {
  const { name, version, license } = objectOf(parsed(text));
  return [packageOf('npm', { name, version, license })].filter((found) => found !== undefined);
}

/** Versions 2 and 3: "packages" by folder. Counts only where nothing is installed beside it; see merge-layers.ts. */
function parsePackageLock(text: string): FoundPackage[] {
  const { packages } = objectOf(parsed(text));
  return Object.entries(objectOf(packages)).flatMap(([folder, value]) => {
    const { version, license, name, dev, link } = objectOf(value);
    if (folder === '' || dev === true || link === true) return [];
    return packageOf('npm', { name: name ?? folder.split('node_modules/').at(-1), version, license }) ?? [];
  });
}

/** Core metadata: the headers of a mail. */
function parsePython(text: string): FoundPackage[] {
  const fields = headerFields(text.split(/\n\s*\n/, 1)[0] ?? '');
  const license = fields.get('license-expression') ?? fields.get('license');
  return [packageOf('pypi', { name: fields.get('name'), version: fields.get('version'), license })].filter(
    (found) => found !== undefined,
  );
}

/** The first of each "Key: value" line, keys in lower case. */
function headerFields(paragraph: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of paragraph.split('\n')) {
    const at = line.indexOf(':');
    if (at <= 0 || /^\s/.test(line)) continue;
    const key = line.slice(0, at).toLowerCase();
    if (!fields.has(key)) fields.set(key, line.slice(at + 1).trim());
  }
  return fields;
}

export function parseOsRelease(text: string): OsRelease | undefined {
  const value = (key: string): string | undefined =>
    new RegExp(`^${key}=["']?([\\w.:-]{1,64})["']?\\s*$`, 'm').exec(text)?.[1];
  const id = value('ID');
  const versionId = value('VERSION_ID');
  return id === undefined ? undefined : { id, ...(versionId === undefined ? {} : { versionId }) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
