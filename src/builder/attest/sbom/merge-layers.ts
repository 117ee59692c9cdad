import type { FoundPackage, OsRelease } from './package.ts';
import type { LayerFindings } from './scan-layer.ts';

/** A package of an image, and the layer (from 0, bottom first) that brought it. */
export interface PlacedPackage extends FoundPackage {
  readonly layer: number;
  /** The file that tells of it, absolute. */
  readonly path: string;
}

/** What is left of all layers' packages at the top. A package that a later layer only lists again is the earlier one's. */
export function mergeLayers(layers: readonly LayerFindings[]): {
  readonly packages: PlacedPackage[];
  readonly os: OsRelease | undefined;
} {
  const files = new Map<string, ReadonlyMap<string, PlacedPackage>>();
  let os: OsRelease | undefined;
  for (const [layer, findings] of layers.entries()) {
    const removed = new Set(findings.removed);
    if (removed.size > 0) for (const path of files.keys()) if (isBelow(path, removed)) files.delete(path);
    for (const [path, found] of Object.entries(findings.files)) {
      const earlier = files.get(path);
      const placed = found.map((one): [string, PlacedPackage] => {
        const key = JSON.stringify([one.type, one.name, one.version, one.arch]);
        return [key, earlier?.get(key) ?? { ...one, layer, path: `/${path}` }];
      });
      files.set(path, new Map(placed));
    }
    os = findings.os ?? os;
  }
  const installed = [...files.keys()].filter((path) => path.endsWith('/package.json'));
  const packages = [...files]
    .filter(([path]) => !isLockBesideModules(path, installed))
    .flatMap(([, found]) => [...found.values()]);
  return { packages: packages.sort(byName), os };
}

/** Whether a path or a folder it is in is among these. */
function isBelow(path: string, removed: ReadonlySet<string>): boolean {
  for (let at = path.length; at > 0; at = path.lastIndexOf('/', at - 1))
    if (removed.has(path.slice(0, at))) return true;
  return false;
}

/** A lock file says what would be installed; where something is, that counts. */
function isLockBesideModules(path: string, installed: readonly string[]): boolean {
  const folder = /^(.*\/)?package-lock\.json$/.exec(path);
  return folder !== null && installed.some((other) => other.startsWith(`${folder[1] ?? ''}node_modules/`));
}

function byName(a: PlacedPackage, b: PlacedPackage): number {
  const [left, right] = [a, b].map(({ type, name, version, path }) => [type, name, version, path].join('\0'));
  return left! < right! ? -1 : left! > right! ? 1 : 0;
}
