import { hash } from 'node:crypto';
import { LADING_VERSION } from '../../../base/version.ts';
import type { PlacedPackage } from './merge-layers.ts';
import { packageUrl, type OsRelease } from './package.ts';

/** What brought a layer. */
export interface LayerOrigin {
  /** "sha256:…", its diffID. */
  readonly diffId: string;
  readonly instruction?: string;
  /** In the Dockerfile; absent for layers of the base image. */
  readonly line?: number;
}

export interface SpdxFacts {
  readonly name: string;
  /** RFC 3339, whole seconds. */
  readonly created: string;
  readonly packages: readonly PlacedPackage[];
  readonly layers: readonly LayerOrigin[];
  readonly os: OsRelease | undefined;
}

const UNKNOWN = {
  downloadLocation: 'NOASSERTION',
  filesAnalyzed: false,
  licenseConcluded: 'NOASSERTION',
  licenseDeclared: 'NOASSERTION',
  copyrightText: 'NOASSERTION',
} as const;

const FROM: Readonly<Record<PlacedPackage['type'], string>> = {
  deb: 'the DPKG database',
  apk: 'the APK database',
  npm: 'a package.json or lock file',
  pypi: 'installed Python metadata',
  golang: "a Go program's build information",
};

/** An SPDX 2.3 document of an image's packages. Equal facts give equal documents. */
export function spdxDocument({ name, created, packages, layers, os }: SpdxFacts): object {
  const image = 'SPDXRef-Image';
  const entries = packages.map((found) => {
    const url = packageUrl(found, os);
    const id = hash('sha256', JSON.stringify([url, found.path])).slice(0, 16);
    return {
      SPDXID: `SPDXRef-Package-${found.type}-${found.name.replace(/[^A-Za-z0-9.-]+/g, '-')}-${id}`,
      name: found.name,
      versionInfo: found.version,
      supplier: 'NOASSERTION',
      ...UNKNOWN,
      ...(found.license === undefined ? {} : { licenseComments: `declared: ${found.license}` }),
      sourceInfo: `acquired from ${FROM[found.type]}: ${found.path}`,
      comment: placeOf(layers[found.layer]),
      externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: url }],
    };
  });
  const contains = entries.map(({ SPDXID }) => ({
    spdxElementId: image,
    relatedSpdxElement: SPDXID,
    relationshipType: 'CONTAINS',
  }));
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name,
    documentNamespace: `urn:uuid:${uuidOf(JSON.stringify([name, created, layers, entries]))}`,
    creationInfo: { created, creators: [`Tool: lading-${LADING_VERSION}`] },
    packages: [
      {
        SPDXID: image,
        name,
        supplier: 'NOASSERTION',
        ...UNKNOWN,
        primaryPackagePurpose: 'CONTAINER',
      },
      ...entries,
    ],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relatedSpdxElement: image, relationshipType: 'DESCRIBES' },
      ...contains,
    ],
  };
}

function placeOf(layer: LayerOrigin | undefined): string {
  if (!layer) return '';
  const { diffId, instruction, line } = layer;
  const from = line === undefined ? 'base image' : `Dockerfile line ${line}`;
  return `layerID: ${diffId}; ${from}${instruction === undefined ? '' : `: ${instruction}`}`;
}

/** Of a digest, in the form of RFC 9562's version 8. */
function uuidOf(text: string): string {
  const hex = hash('sha256', text);
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
