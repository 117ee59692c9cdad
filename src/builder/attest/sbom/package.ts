/** A package found in a layer. */
export interface FoundPackage {
  readonly type: 'deb' | 'apk' | 'npm' | 'pypi' | 'golang';
  readonly name: string;
  readonly version: string;
  readonly arch?: string;
  /** As the package says it; not checked. */
  readonly license?: string;
  /** Source package. */
  readonly origin?: string;
}

/** What /etc/os-release says: packages of a distribution are named by it. */
export interface OsRelease {
  readonly id: string;
  readonly versionId?: string;
}

/** Longest name, version or license that is taken over. */
const MAX_TEXT = 500;

/** A package with texts cut to a sane length; undefined without a name or a version. */
export function packageOf(
  type: FoundPackage['type'],
  facts: { readonly [Name in 'name' | 'version' | 'arch' | 'license' | 'origin']?: unknown },
): FoundPackage | undefined {
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' && value.trim() !== '' ? value.trim().slice(0, MAX_TEXT) : undefined;
  const [name, version] = [text(facts.name), text(facts.version)];
  if (name === undefined || version === undefined) return undefined;
  const [arch, license, origin] = [text(facts.arch), text(facts.license), text(facts.origin)];
  return {
    type,
    name,
    version,
    ...(arch === undefined ? {} : { arch }),
    ...(license === undefined ? {} : { license }),
    ...(origin === undefined ? {} : { origin }),
  };
}

/** As https://github.com/package-url/purl-spec names packages. */
export function packageUrl({ type, name, version, arch, origin }: FoundPackage, os: OsRelease | undefined): string {
  const encode = (text: string): string => encodeURIComponent(text).replaceAll('%3A', ':');
  const qualifiers = new Map<string, string>();
  let path = encode(name);
  if (type === 'deb' || type === 'apk') {
    path = `${encode(os?.id ?? (type === 'deb' ? 'debian' : 'alpine'))}/${path}`;
    if (arch !== undefined) qualifiers.set('arch', arch);
    if (os?.versionId !== undefined) qualifiers.set('distro', `${os.id}-${os.versionId}`);
    if (origin !== undefined && origin !== name) qualifiers.set('upstream', origin);
  } else if (type === 'npm' || type === 'golang') path = name.split('/').map(encode).join('/');
  else path = encode(name.toLowerCase().replace(/[-_.]+/g, '-'));
  const tail = [...qualifiers].map(([key, value]) => `${key}=${encode(value)}`).join('&');
  return `pkg:${type}/${path}@${encode(version)}${tail === '' ? '' : `?${tail}`}`;
}
