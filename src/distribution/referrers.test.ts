import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MEDIA, digestOf, parseReference, type Descriptor, type Digest } from '../oci/index.ts';
import { ScriptedRegistry, failWith, type Received } from '../../test/support/scripted-registry.ts';
import { pushReferrers, RegistryClient } from './index.ts';

const SUBJECT = digestOf('image');

function artifact(text: string): { descriptor: Descriptor; manifestBytes: Buffer; mediaType: string; blobs: [] } {
  const manifestBytes = Buffer.from(JSON.stringify({ text }));
  const descriptor = {
    mediaType: MEDIA.ociManifest,
    digest: digestOf(manifestBytes),
    size: manifestBytes.length,
    artifactType: 'application/vnd.in-toto+json',
  };
  return { descriptor, manifestBytes, mediaType: MEDIA.ociManifest, blobs: [] };
}

/** A registry of 2021: manifests by name, no referrers. */
function oldRegistry(): { reply: (received: Received) => [number, Buffer?]; manifests: Map<string, Buffer> } {
  const manifests = new Map<string, Buffer>();
  return {
    manifests,
    reply: ({ method, url, body }) => {
      const name = /\/manifests\/(.+)$/.exec(url)?.[1];
      if (name === undefined) return [404];
      if (method === 'PUT') manifests.set(decodeURIComponent(name), body);
      const found = manifests.get(decodeURIComponent(name));
      return found ? [method === 'PUT' ? 201 : 200, found] : [404];
    },
  };
}

test('pushReferrers() lists artifacts under the fallback tag where a registry has no referrers API', async () => {
  const { reply, manifests } = oldRegistry();
  await using registry = await ScriptedRegistry.start((response, received, request) => {
    const [status, body] = reply(received);
    if (status === 404) return failWith(404, 'MANIFEST_UNKNOWN', 'unknown')(response, received, request);
    response.writeHead(status, { 'content-type': MEDIA.ociIndex }).end(received.method === 'PUT' ? '' : body);
  });
  using client = new RegistryClient();
  const repository = parseReference(`${registry.host}/app`);
  const [one, two] = [artifact('one'), artifact('two')];
  await pushReferrers(client, repository, SUBJECT, [one]);
  await pushReferrers(client, repository, SUBJECT, [two]);
  await pushReferrers(client, repository, SUBJECT, [two]);
  const index = JSON.parse(manifests.get(SUBJECT.replace(':', '-'))!.toString()) as { manifests: { digest: Digest }[] };
  assert.deepEqual(
    index.manifests.map(({ digest }) => digest),
    [one.descriptor.digest, two.descriptor.digest],
  );
  assert.deepEqual(manifests.get(one.descriptor.digest), one.manifestBytes);
});

test('pushReferrers() makes no tag where the registry lists referrers', async () => {
  await using registry = await ScriptedRegistry.start((response, { method, url }) => {
    if (url.includes('/referrers/'))
      response
        .writeHead(200, { 'content-type': MEDIA.ociIndex })
        .end(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [] }));
    else response.writeHead(method === 'PUT' ? 201 : 404).end();
  });
  using client = new RegistryClient();
  const one = artifact('one');
  await pushReferrers(client, parseReference(`${registry.host}/app`), SUBJECT, [one]);
  const put = registry.asked.filter(({ method }) => method === 'PUT').map(({ url }) => decodeURIComponent(url));
  assert.deepEqual(put, [`/v2/app/manifests/${one.descriptor.digest}`]);
});
