import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { RegistryClient } from '../../src/distribution/index.ts';
import { parseReference, type Digest, type Platform } from '../../src/oci/index.ts';
import { BUSYBOX, importBusybox } from '../support/busybox.ts';
import { startRegistry } from '../support/registry-process.ts';
import { TestDaemon, daemonSkipReason } from '../support/test-daemon.ts';

const DOCKERFILE = `FROM ${BUSYBOX} AS first
ARG VERSION
ARG API_TOKEN
RUN echo $VERSION > /version
FROM ${BUSYBOX}
COPY --from=first /version /version
RUN --mount=type=secret,id=pass cat /run/secrets/pass > /dev/null
CMD ["cat", "/version"]
`;

interface Provenance {
  readonly buildDefinition: {
    readonly buildType: string;
    readonly externalParameters: {
      readonly configSource: { readonly path: string };
      readonly request: {
        readonly frontend: string;
        readonly args: Record<string, string>;
        secrets?: { id: string }[];
      };
    };
    readonly internalParameters: {
      readonly builderPlatform: string;
      buildConfig?: { steps: Record<string, unknown>[] };
    };
    readonly resolvedDependencies: { readonly uri: string; readonly digest: Record<string, string> }[];
  };
  readonly runDetails: {
    readonly builder: { readonly id: string };
    readonly metadata: {
      readonly invocationId: string;
      readonly startedOn: string;
      readonly finishedOn: string;
      readonly buildkit_metadata: { source?: { infos: { data: string }[] }; layers?: Record<string, unknown> };
      readonly buildkit_completeness: { readonly request: boolean; readonly resolvedDependencies: boolean };
    };
  };
}

interface Statement {
  readonly _type: string;
  readonly subject: { readonly name: string; readonly digest: { readonly sha256: string } }[];
  readonly predicateType: string;
  readonly predicate: Provenance;
}

interface Index {
  readonly manifests: readonly {
    readonly mediaType: string;
    readonly digest: Digest;
    readonly size: number;
    readonly artifactType?: string;
    readonly annotations?: Record<string, string>;
    readonly platform?: Platform;
  }[];
}

/** What the SLSA v1 specification requires of a predicate, and in-toto of a statement. */
function checkStatement(statement: Statement): void {
  assert.equal(statement._type, 'https://in-toto.io/Statement/v1');
  assert.ok(statement.subject.length > 0);
  for (const { name, digest } of statement.subject) {
    assert.ok(name.length > 0);
    assert.match(digest.sha256, /^[0-9a-f]{64}$/);
  }
  assert.equal(statement.predicateType, 'https://slsa.dev/provenance/v1');
  const { buildDefinition, runDetails } = statement.predicate;
  assert.ok(URL.canParse(buildDefinition.buildType));
  assert.equal(typeof buildDefinition.externalParameters, 'object');
  for (const { uri, digest } of buildDefinition.resolvedDependencies) {
    assert.ok(URL.canParse(uri), uri);
    for (const value of Object.values(digest)) assert.match(value, /^[0-9a-f]{40,64}$/);
  }
  assert.ok(URL.canParse(runDetails.builder.id));
  const { startedOn, finishedOn } = runDetails.metadata;
  assert.ok(Date.parse(startedOn) <= Date.parse(finishedOn));
}

describe('attestations of a build', { skip: daemonSkipReason() ?? false }, () => {
  let daemon: TestDaemon;
  let folder: string;
  let registry: Awaited<ReturnType<typeof startRegistry>>;

  before(async () => {
    daemon = await TestDaemon.start();
    importBusybox(daemon);
    folder = mkdtempSync('/var/tmp/lading-attest-');
    mkdirSync(join(folder, 'context'));
    writeFileSync(join(folder, 'context/Dockerfile'), DOCKERFILE);
    writeFileSync(join(folder, 'pass'), 'hush-hush');
    registry = await startRegistry(join(folder, 'registry'));
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
    if (folder) rmSync(folder, { recursive: true });
  });

  const build = (...flags: string[]): string =>
    daemon.ok('build', '-q', '--secret', `id=pass,src=${folder}/pass`, ...flags, join(folder, 'context')).trim();
  const statementOf = (image: string): Statement =>
    JSON.parse(daemon.ok('image', 'attestations', '--type', 'provenance', image)) as Statement;

  it('has provenance in every image, mode min, without values of arguments', () => {
    build('-t', 'app:min', '--build-arg', 'VERSION=7', '--build-arg', 'API_TOKEN=t0ken');
    const statement = statementOf('app:min');
    checkStatement(statement);
    const { buildDefinition, runDetails } = statement.predicate;
    assert.match(statement.subject[0]!.name, /^pkg:docker\/app@min\?platform=linux%2F/);
    assert.equal(buildDefinition.externalParameters.configSource.path, 'Dockerfile');
    assert.deepEqual(buildDefinition.externalParameters.request.args, {});
    assert.equal(runDetails.metadata.buildkit_completeness.request, false);
    assert.deepEqual(
      buildDefinition.resolvedDependencies.map(({ uri }) => uri.replace(/\?.*/, '')),
      ['pkg:docker/busybox@test'],
    );
    assert.doesNotMatch(JSON.stringify(statement), /t0ken|hush/);
  });

  it('tells source, arguments, steps and layers in mode max, and no secret', () => {
    const args = ['--build-arg', 'VERSION=8', '--build-arg', 'API_TOKEN=t0ken'];
    build('-t', 'app:max', '--provenance=mode=max', ...args);
    const statement = statementOf('app:max');
    checkStatement(statement);
    const { buildDefinition, runDetails } = statement.predicate;
    const { request } = buildDefinition.externalParameters;
    assert.deepEqual(request.args, { 'build-arg:VERSION': '8' });
    assert.deepEqual(request.secrets, [{ id: 'pass' }]);
    const { source, layers } = runDetails.metadata.buildkit_metadata;
    assert.equal(Buffer.from(source!.infos[0]!.data, 'base64').toString(), DOCKERFILE);
    const steps = buildDefinition.internalParameters.buildConfig!.steps;
    assert.deepEqual(steps.map(({ kind, stage, line }) => [kind, stage, line]).sort(), [
      ['copy', '1', 6],
      ['run', '1', 7],
      ['run', 'first', 4],
    ]);
    assert.ok(Object.keys(layers!).length >= 2);
    assert.doesNotMatch(JSON.stringify(statement), /t0ken|hush/);
  });

  it('writes nothing for a build that is wholly cached, nor when told not to', () => {
    build('-t', 'app:once', '--build-arg', 'VERSION=9');
    const first = statementOf('app:once');
    build('-t', 'app:once', '--build-arg', 'VERSION=9');
    assert.deepEqual(statementOf('app:once'), first);
    build('-t', 'app:none', '--provenance=false', '--build-arg', 'VERSION=10');
    assert.equal(daemon.ok('image', 'attestations', 'app:none').trim().split('\n').length, 1);
    const refused = daemon.lading(['image', 'provenance', 'app:none']);
    assert.match(refused.stderr, /image "app:none" has no attestation of type provenance/);
  });

  it('is in the metadata file, also of a cached build', () => {
    const file = join(folder, 'metadata.json');
    for (let i = 0; i < 2; i++) {
      build('-t', 'app:metadata', '--metadata-file', file, '--build-arg', 'VERSION=15');
      const metadata = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Provenance>;
      assert.equal(
        metadata['buildx.build.provenance']?.buildDefinition.externalParameters.request.frontend,
        'dockerfile.v0',
      );
    }
  });

  it('pushes attestations as referrers of what it pushes', async () => {
    const name = `localhost:${registry.port}/app:1`;
    build('-t', name, '--build-arg', 'VERSION=11');
    daemon.ok('push', name);
    using client = new RegistryClient();
    const reference = parseReference(name);
    const { descriptor, bytes } = await client.resolve(reference);
    assert.doesNotMatch(bytes.toString(), /manifests/, 'the image is not a plain image');
    const listed = await client.referrers(reference, descriptor.digest);
    assert.deepEqual(
      listed?.map(({ artifactType, annotations }) => [artifactType, annotations?.['in-toto.io/predicate-type']]),
      [['application/vnd.in-toto+json', 'https://slsa.dev/provenance/v1']],
    );
    const artifact = await client.fetchManifest(reference, listed![0]!.digest);
    const manifest = JSON.parse(artifact.bytes.toString()) as {
      subject: { digest: Digest };
      layers: { digest: Digest; mediaType: string; size: number }[];
    };
    assert.equal(manifest.subject.digest, descriptor.digest);
    const statement = JSON.parse((await client.fetchBlob(reference, manifest.layers[0]!)).toString()) as Statement;
    checkStatement(statement);
    assert.equal(`sha256:${statement.subject[0]!.digest.sha256}`, descriptor.digest);
  });

  it('pushes them along with --push, of what is pushed, and only once', async () => {
    const name = `localhost:${registry.port}/pushed:1`;
    for (let i = 0; i < 2; i++) build('-t', name, '--push', '--build-arg', 'VERSION=12');
    using client = new RegistryClient();
    const { descriptor } = await client.resolve(parseReference(name));
    assert.equal((await client.referrers(parseReference(name), descriptor.digest))?.length, 1);
  });

  it('writes them beside the image in an OCI layout when asked for, which loads as before', () => {
    const layout = join(folder, 'layout');
    build('-t', 'app:layout', '--provenance=mode=min', '-o', `type=oci,tar=false,dest=${layout}`);
    const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as Index;
    assert.deepEqual(
      index.manifests.map(({ artifactType }) => artifactType),
      [undefined, 'application/vnd.in-toto+json'],
    );
    for (const { digest } of index.manifests) assert.ok(existsSync(join(layout, 'blobs', digest.replace(':', '/'))));
    execFileSync('tar', ['-C', layout, '-cf', `${layout}.tar`, '.']);
    assert.match(daemon.ok('load', '-i', `${layout}.tar`), /app:layout/);
    build('-t', 'app:plain', '-o', `type=oci,tar=false,dest=${layout}-plain`);
    const plain = JSON.parse(readFileSync(join(`${layout}-plain`, 'index.json'), 'utf8')) as Index;
    assert.equal(plain.manifests.length, 1);
  });

  it('writes them beside files, about each of them, when asked for', () => {
    const dest = join(folder, 'files');
    build('--build-arg', 'VERSION=16', '--provenance=mode=max', '--sbom=true', '-o', `type=local,dest=${dest}`);
    const statement = JSON.parse(readFileSync(join(dest, 'provenance.json'), 'utf8')) as Statement;
    checkStatement(statement);
    const version = statement.subject.find(({ name }) => name === 'version');
    assert.equal(version?.digest.sha256, hash('sha256', readFileSync(join(dest, 'version'))));
    assert.match(readFileSync(join(dest, 'sbom.spdx.json'), 'utf8'), /"spdxVersion": "SPDX-2.3"/);
    build('--build-arg', 'VERSION=16', '-o', `type=local,dest=${dest}-plain`);
    assert.deepEqual(
      readdirSync(dest).filter((name) => !readdirSync(`${dest}-plain`).includes(name)),
      ['provenance.json', 'sbom.spdx.json'],
    );
  });

  it("has them in an index, in BuildKit's form, on request", async () => {
    const name = `localhost:${registry.port}/indexed:1`;
    build('-t', name, '--push', '--attest', 'type=provenance,form=index', '--build-arg', 'VERSION=14');
    using client = new RegistryClient();
    const reference = parseReference(name);
    const index = JSON.parse((await client.resolve(reference)).bytes.toString()) as Index;
    const [image, attestation, ...more] = index.manifests;
    assert.deepEqual(more, []);
    assert.deepEqual(attestation!.platform, { architecture: 'unknown', os: 'unknown' });
    assert.deepEqual(attestation!.annotations, {
      'vnd.docker.reference.digest': image!.digest,
      'vnd.docker.reference.type': 'attestation-manifest',
    });
    const { bytes } = await client.fetchManifest(reference, attestation!.digest);
    const { layers } = JSON.parse(bytes.toString()) as Index & { layers: Index['manifests'] };
    assert.deepEqual(layers[0]!.annotations, { 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v1' });
    checkStatement(JSON.parse((await client.fetchBlob(reference, layers[0]!)).toString()) as Statement);
    assert.deepEqual(await client.referrers(reference, image!.digest), []);
    checkStatement(statementOf(name));
  });

  it('lists packages with the layer and the line that brought them', () => {
    const path = join(folder, 'packages');
    mkdirSync(join(path, 'modules/x'), { recursive: true });
    writeFileSync(join(path, 'modules/x/package.json'), '{"name":"x","version":"1.2.3","license":"MIT"}');
    writeFileSync(
      join(path, 'Dockerfile'),
      `FROM ${BUSYBOX}
RUN mkdir -p /var/lib/dpkg && printf 'Package: a\\nStatus: install ok installed\\nArchitecture: all\\nVersion: 1\\n' > /var/lib/dpkg/status
COPY modules /app/node_modules
RUN printf '\\nPackage: b\\nStatus: install ok installed\\nVersion: 2\\n' >> /var/lib/dpkg/status
RUN mkdir /gone && cp -r /app/node_modules /gone/
RUN rm -r /gone
`,
    );
    daemon.ok('build', '-q', '--sbom=true', '-t', 'app:packages', path);
    const document = JSON.parse(daemon.ok('image', 'sbom', 'app:packages')) as {
      spdxVersion: string;
      packages: {
        name: string;
        versionInfo?: string;
        comment?: string;
        externalRefs?: { referenceLocator: string }[];
      }[];
    };
    assert.equal(document.spdxVersion, 'SPDX-2.3');
    const [, ...packages] = document.packages;
    assert.deepEqual(
      packages.map(({ comment, externalRefs }) => [
        externalRefs![0]!.referenceLocator,
        /; (Dockerfile line \d+: \w+)/.exec(comment!)?.[1],
      ]),
      [
        ['pkg:deb/debian/a@1?arch=all', 'Dockerfile line 2: RUN'],
        ['pkg:deb/debian/b@2', 'Dockerfile line 4: RUN'],
        ['pkg:npm/x@1.2.3', 'Dockerfile line 3: COPY'],
      ],
    );
    assert.match(daemon.ok('image', 'attestations', 'app:packages'), /^provenance .*\n^sbom /m);
    assert.match(daemon.lading(['image', 'sbom', 'app:min']).stderr, /has no attestation of type sbom/);
  });

  it('is of each platform of an index', () => {
    const path = join(folder, 'platforms');
    mkdirSync(path);
    writeFileSync(
      join(path, 'Dockerfile'),
      'FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY Dockerfile /\n',
    );
    const platforms = ['linux/amd64', 'linux/arm64'];
    daemon.ok('build', '-q', '-t', 'app:platforms', '--platform', platforms.join(','), path);
    const statements = daemon.ok('image', 'attestations', '--type', 'provenance', 'app:platforms');
    const names = [...statements.matchAll(/pkg:docker\/app@platforms\?platform=([\w%]+)/g)];
    assert.deepEqual(
      names.map(([, platform]) => decodeURIComponent(platform!)),
      platforms,
    );
    assert.match(daemon.lading(['rebuild', '--verify', '-q', '--ignore-times', 'app:platforms']).stdout, /^identical/);
  });

  it('goes with its image', () => {
    build('-t', 'app:gone', '--build-arg', 'VERSION=13');
    const [line = ''] = daemon.ok('image', 'attestations', '--format', '{{.Digest}}', 'app:gone').trim().split('\n');
    const blob = join(daemon.dataRoot, 'content/blobs', line.replace(':', '/'));
    assert.ok(existsSync(blob), blob);
    daemon.ok('rmi', 'app:gone');
    daemon.ok('image', 'prune', '-f');
    assert.ok(!existsSync(blob));
  });

  it('refuses attestations that it cannot make', () => {
    for (const [flag, message] of [
      ['--sbom=generator=some/image', /unknown option "generator"/],
      ['--provenance=version=v0.2', /provenance version "v0.2" is not supported/],
    ] as const)
      assert.match(daemon.lading(['build', flag, join(folder, 'context')]).stderr, message);
  });
});
