import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, test } from 'node:test';
import { goModulesOf } from './go-buildinfo.ts';
import { mergeLayers } from './merge-layers.ts';
import { PACKAGE_FILES, parseOsRelease } from './package-files.ts';
import { packageUrl, type FoundPackage } from './package.ts';
import { scanLayer, type LayerFindings } from './scan-layer.ts';
import { spdxDocument } from './spdx.ts';

const DPKG = `Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.36-9)
Version: 2.36-9+deb12u4
Description: GNU C Library
 Version: not this one

Package: gone
Status: deinstall ok config-files
Version: 1

Package: tzdata
Architecture: all
Version: 2024a-0
`;
const APK = `C:Q1
P:musl
V:1.2.5-r0
A:x86_64
L:MIT
o:musl

P:busybox-binsh
V:1.36.1-r29
A:x86_64
o:busybox
`;
const PYTHON = 'Metadata-Version: 2.1\nName: Flask_Login\nVersion: 0.6\nLicense: MIT\n\nName: not this\n';

function parse(path: string, text: string): FoundPackage[] | undefined {
  return PACKAGE_FILES.find(({ matches }) => matches.test(path))?.parse(text);
}

describe('PACKAGE_FILES', () => {
  it('reads what package managers keep', () => {
    const cases: [path: string, text: string, expected: string[]][] = [
      ['var/lib/dpkg/status', DPKG, ['deb libc6 2.36-9+deb12u4', 'deb tzdata 2024a-0']],
      ['var/lib/dpkg/status.d/tzdata', DPKG.split('\n\n').at(-1)!, ['deb tzdata 2024a-0']],
      ['lib/apk/db/installed', APK, ['apk musl 1.2.5-r0', 'apk busybox-binsh 1.36.1-r29']],
      ['usr/lib/apk/db/installed', APK, ['apk musl 1.2.5-r0', 'apk busybox-binsh 1.36.1-r29']],
      ['app/node_modules/@a/b/package.json', '{"name":"@a/b","version":"1.0.0"}', ['npm @a/b 1.0.0']],
      [
        'app/package-lock.json',
        '{"packages":{"":{"version":"1"},"node_modules/x":{"version":"2"},"node_modules/d":{"version":"3","dev":true}}}',
        ['npm x 2'],
      ],
      ['usr/lib/python3/site-packages/Flask_Login-0.6.dist-info/METADATA', PYTHON, ['pypi Flask_Login 0.6']],
    ];
    for (const [path, text, expected] of cases)
      assert.deepEqual(
        parse(path, text)?.map(({ type, name, version }) => `${type} ${name} ${version}`),
        expected,
        path,
      );
  });

  it('takes no other file for one, and nothing from what is damaged', () => {
    const others = ['var/lib/dpkg/status-old', 'var/lib/dpkg/status.d/a.md5sums', 'app/package.json', 'x/METADATA'];
    for (const path of [...others, 'node_modules/a/lib/package.json', 'home/lib/apk/db/installed'])
      assert.equal(parse(path, ''), undefined, path);
    for (const text of [
      '',
      '{',
      'null',
      '[]',
      '{"name":5,"version":{}}',
      '\0\0',
      'Package: x',
      'P:x',
      '{"packages":[1,null]}',
    ])
      for (const { parse: read } of PACKAGE_FILES) assert.deepEqual(read(text), [], text);
  });
});

test('packageUrl() follows the purl specification', () => {
  const debian = parseOsRelease('NAME="Debian"\nID=debian\nVERSION_ID="12"\n');
  assert.deepEqual(debian, { id: 'debian', versionId: '12' });
  const [libc] = parse('var/lib/dpkg/status', DPKG)!;
  assert.equal(
    packageUrl(libc!, debian),
    'pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12&upstream=glibc',
  );
  const cases: [FoundPackage, string][] = [
    [{ type: 'npm', name: '@a/b', version: '1.0.0' }, 'pkg:npm/%40a/b@1.0.0'],
    [{ type: 'pypi', name: 'Flask_Login', version: '0.6' }, 'pkg:pypi/flask-login@0.6'],
    [{ type: 'golang', name: 'golang.org/x/sys', version: 'v0.1' }, 'pkg:golang/golang.org/x/sys@v0.1'],
    [{ type: 'apk', name: 'musl', version: '1', arch: 'x86_64' }, 'pkg:apk/alpine/musl@1?arch=x86_64'],
  ];
  for (const [found, expected] of cases) assert.equal(packageUrl(found, undefined), expected);
});

test('mergeLayers() names the layer that first brought what is still there', () => {
  const npm = (name: string, version = '1'): FoundPackage => ({ type: 'npm', name, version });
  const layer = (files: LayerFindings['files'], removed: string[] = []): LayerFindings => ({ files, removed });
  const { packages } = mergeLayers([
    layer({ db: [npm('a'), npm('b')], 'd/x/node_modules/g/package.json': [npm('g')], 'd/xy': [npm('s')] }),
    layer({ db: [npm('a'), npm('b', '2'), npm('c')] }),
    layer({ db: [npm('a'), npm('b', '2')], 'l/package-lock.json': [npm('locked')] }, ['d/x']),
    layer({ 'm/package-lock.json': [npm('wanted')], 'm/node_modules/i/package.json': [npm('i')] }),
  ]);
  assert.deepEqual(
    packages.map(({ name, version, layer: at }) => `${name} ${version} ${at}`),
    ['a 1 0', 'b 2 1', 'i 1 3', 'locked 1 2', 's 1 0'],
  );
});

test('scanLayer() looks through a folder, follows no link and is bounded', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'lading-scan-'));
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  };
  try {
    write('lib/apk/db/installed', APK);
    write('etc/os-release', 'ID=alpine\nVERSION_ID=3.20.1\n');
    write('app/node_modules/x/package.json', '{"name":"x","version":"1"}');
    symlinkSync('/var/lib', join(dir, 'usr'));
    mkdirSync(join(dir, 'var/lib/dpkg'), { recursive: true });
    symlinkSync('/etc/passwd', join(dir, 'var/lib/dpkg/status'));
    mkdirSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xff, 0x41])]));
    const found = await scanLayer(dir);
    assert.deepEqual(found.os, { id: 'alpine', versionId: '3.20.1' });
    assert.deepEqual(Object.keys(found.files), ['app/node_modules/x/package.json', 'lib/apk/db/installed']);
    await assert.rejects(scanLayer(dir, { maxEntries: 3 }), { code: 'resource_exhausted' });
  } finally {
    rmSync(dir, { recursive: true });
  }
});

/** A program with nothing but a section of build information. */
function goProgram(modules: string): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1');
    return Buffer.concat([Buffer.from([(bytes.length & 0x7f) | 0x80, bytes.length >> 7]), bytes]);
  };
  const marker = 'x'.repeat(16);
  const head = Buffer.alloc(32);
  head.write('\xff Go buildinf:', 'latin1');
  head[15] = 2;
  const info = Buffer.concat([head, text('go1.24.2'), text(`${marker}${modules}${marker}`)]);
  const names = Buffer.from('\0.go.buildinfo\0.shstrtab\0', 'latin1');
  const elf = Buffer.alloc(400 * 1024);
  elf.writeUInt32BE(0x7f454c46, 0);
  elf[4] = 2;
  elf[5] = 1;
  const table = 0x1000;
  elf.writeBigUInt64LE(BigInt(table), 40);
  elf.writeUInt16LE(64, 58);
  elf.writeUInt16LE(3, 60);
  elf.writeUInt16LE(2, 62);
  const section = (index: number, name: number, bytes: Buffer, at: number): void => {
    elf.writeUInt32LE(name, table + index * 64);
    elf.writeBigUInt64LE(BigInt(at), table + index * 64 + 24);
    elf.writeBigUInt64LE(BigInt(bytes.length), table + index * 64 + 32);
    bytes.copy(elf, at);
  };
  section(1, 1, info, 0x2000);
  section(2, 15, names, 0x3000);
  return elf;
}

test('goModulesOf() lists the modules of a Go program, and nothing of other files', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'lading-go-'));
  const path = join(dir, 'program');
  const modulesOf = async (bytes: Buffer): Promise<string[]> => {
    writeFileSync(path, bytes);
    chmodSync(path, 0o755);
    return (await goModulesOf(path)).map(({ name, version }) => `${name} ${version}`);
  };
  try {
    const program = goProgram(
      'path\tcmd/x\nmod\texample.org/x\t(devel)\t\ndep\texample.org/a\tv1.0.0\th1:x\ndep\texample.org/b\tv2.0.0\n=>\texample.org/c\tv3.0.0\th1:y\n',
    );
    assert.deepEqual(await modulesOf(program), ['stdlib 1.24.2', 'example.org/a v1.0.0', 'example.org/c v3.0.0']);
    assert.deepEqual(await modulesOf(Buffer.alloc(400 * 1024)), []);
    for (let byte = 40; byte < 64; byte++) {
      const damaged = Buffer.from(program);
      damaged[byte] = 0xff;
      assert.ok(Array.isArray(await modulesOf(damaged)), `byte ${byte}`);
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('spdxDocument() has what SPDX 2.3 requires', () => {
  const facts = {
    name: 'app:1',
    created: '2023-11-14T22:13:20Z',
    packages: [
      { type: 'npm', name: '@a/b c', version: '1', license: 'MIT', layer: 1, path: '/x' } as const,
      { type: 'deb', name: 'libc6', version: '2', layer: 0, path: '/var/lib/dpkg/status' } as const,
    ],
    layers: [{ diffId: 'sha256:aa' }, { diffId: 'sha256:bb', instruction: 'RUN npm ci', line: 4 }],
    os: { id: 'debian' },
  };
  const document = spdxDocument(facts);
  assert.deepEqual(spdxDocument(facts), document);
  checkSpdx(document as SpdxDocument);
  const [image, npm, deb] = (document as SpdxDocument).packages;
  assert.equal(image!.name, 'app:1');
  assert.match(npm!.comment!, /^layerID: sha256:bb; Dockerfile line 4: RUN npm ci$/);
  assert.match(deb!.comment!, /^layerID: sha256:aa; base image$/);
});

interface SpdxDocument {
  readonly packages: readonly { readonly SPDXID: string; readonly name: string; readonly comment?: string }[];
}

/** Required members and forms of https://spdx.github.io/spdx-spec/v2.3/. */
function checkSpdx(document: SpdxDocument): void {
  const { packages, ...rest } = document as unknown as Record<string, string> & {
    packages: Record<string, string | boolean>[];
    relationships: Record<string, string>[];
    creationInfo: { created: string; creators: string[] };
  };
  assert.equal(rest['spdxVersion'], 'SPDX-2.3');
  assert.equal(rest['dataLicense'], 'CC0-1.0');
  assert.equal(rest['SPDXID'], 'SPDXRef-DOCUMENT');
  assert.ok(URL.canParse(String(rest['documentNamespace'])));
  assert.doesNotMatch(String(rest['documentNamespace']) as string, /#/);
  assert.match(rest.creationInfo.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  for (const creator of rest.creationInfo.creators) assert.match(creator, /^(?:Tool|Person|Organization): /);
  const ids = new Set(['SPDXRef-DOCUMENT', ...packages.map(({ SPDXID }) => SPDXID)]);
  assert.equal(ids.size, packages.length + 1, 'an SPDXID is used twice');
  for (const found of packages) {
    assert.match(found['SPDXID'] as string, /^SPDXRef-[A-Za-z0-9.-]+$/);
    for (const field of ['name', 'downloadLocation']) assert.equal(typeof found[field], 'string');
    assert.equal(found['filesAnalyzed'], false);
  }
  for (const { spdxElementId, relatedSpdxElement, relationshipType } of rest.relationships) {
    assert.ok(ids.has(spdxElementId!) && ids.has(relatedSpdxElement!));
    assert.match(relationshipType!, /^[A-Z_]+$/);
  }
  assert.ok(rest.relationships.some(({ relationshipType }) => relationshipType === 'DESCRIBES'));
}
