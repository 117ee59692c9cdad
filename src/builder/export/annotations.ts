import { LadingError } from '../../errors/index.ts';
import { formatPlatform, parsePlatform, type Platform } from '../../oci/index.ts';

const LEVELS = ['manifest', 'index', 'manifest-descriptor', 'index-descriptor'] as const;

/** Which document an annotation is written into; the "descriptor" ones into whatever names the manifest or index. */
export type AnnotationLevel = (typeof LEVELS)[number];

export interface Annotation {
  readonly level: AnnotationLevel;
  /** Only for this platform's manifest: "linux/arm64". */
  readonly platform?: string;
  readonly key: string;
  readonly value: string;
}

const LEVEL = /^([a-z-]+)(?:\[([A-Za-z0-9_/.-]+)\])?$/;
const MAX_KEY = 1024;

/** Reads "[level[[platform]][,level…]:]key=value" as buildx does; without a level it is the manifest's. @throws invalid_argument */
export function parseAnnotation(text: string): Annotation[] {
  const equals = text.indexOf('=');
  if (equals <= 0) throw refuse(text, 'key=value is wanted');
  const [left, value] = [text.slice(0, equals), text.slice(equals + 1)];
  // A key may hold colons itself ("org.example:a"): only what looks like a list of levels is one.
  const colon = /^[a-z-]+(?:\[[^\]]*\])?(?:,[a-z-]+(?:\[[^\]]*\])?)*:/.exec(left)?.[0].length ?? 0;
  const key = left.slice(colon);
  checkKey(text, key);
  const levels = colon === 0 ? ['manifest'] : left.slice(0, colon - 1).split(',');
  return levels.map((word) => ({ ...parseLevel(text, word), key, value }));
}

/** Reads an output's attribute "annotation[-level][[platform]].key"; undefined for other attributes. @throws invalid_argument */
export function annotationAttribute(name: string, value: string): Annotation | undefined {
  const match = /^annotation(?:-([a-z-]+))?(?:\[([^\]]+)\])?\.(.*)$/s.exec(name);
  if (!match) return undefined;
  const [, level = 'manifest', platform, key = ''] = match;
  checkKey(name, key);
  return { ...parseLevel(name, platform === undefined ? level : `${level}[${platform}]`), key, value };
}

/** What is to be written at a level, keys sorted; undefined when nothing is. */
export function annotationsAt(
  annotations: readonly Annotation[],
  level: AnnotationLevel,
  platform?: Platform,
): Readonly<Record<string, string>> | undefined {
  const wanted = platform && formatPlatform(platform);
  const found = annotations.filter((one) => one.level === level && (one.platform ?? wanted) === wanted);
  if (found.length === 0) return undefined;
  const byKey = new Map(found.map(({ key, value }) => [key, value]));
  return Object.fromEntries([...byKey].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** @throws invalid_argument for an annotation that no document of this build can carry */
export function checkAnnotations(
  annotations: readonly Annotation[],
  platforms: readonly Platform[],
  hasIndex: boolean,
): void {
  const built = platforms.map(formatPlatform);
  for (const { level, platform, key } of annotations) {
    if (!hasIndex && (level === 'index' || level === 'index-descriptor'))
      throw new LadingError('invalid_argument', `annotation "${key}": level ${level}, but the image has no index`, {
        hint: 'an index is written for several --platform, or with --build-arg BUILDKIT_MULTI_PLATFORM=1',
      });
    if (platform !== undefined && !built.includes(platform))
      throw new LadingError(
        'invalid_argument',
        `annotation "${key}": for platform ${platform}, but the build is for ${built.join(', ')}`,
      );
  }
}

function parseLevel(text: string, word: string): Pick<Annotation, 'level' | 'platform'> {
  const [, name = '', platform] = LEVEL.exec(word) ?? [];
  const level = LEVELS.find((known) => known === name);
  if (level === undefined)
    throw refuse(
      text,
      `unknown annotation type "${word}": one of ${LEVELS.join(', ')}, each with an optional [platform]`,
    );
  if (platform === undefined) return { level };
  if (level.startsWith('index')) throw refuse(text, 'an index belongs to no single platform');
  return { level, platform: formatPlatform(parsePlatform(platform)) };
}

function checkKey(text: string, key: string): void {
  if (key === '' || key.length > MAX_KEY || /[\s\p{Cc}]/u.test(key))
    throw refuse(text, `the key "${key.slice(0, 80)}" is empty, too long, or has spaces`);
}

function refuse(text: string, why: string): LadingError {
  return new LadingError('invalid_argument', `invalid annotation "${text.slice(0, 200)}": ${why}`);
}
