import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { ScriptedRegistry, failWith, type Received, type Reply } from '../../test/support/scripted-registry.ts';
import { MEDIA, digestOf, parseReference, type Reference } from '../oci/index.ts';
import { parseChallenges } from './auth/challenge.ts';
import { Authorizer } from './auth/authorizer.ts';
import { ANONYMOUS } from './auth/credential-source.ts';
import type { Transport, TransportResponse } from './http/transport.ts';
import { RegistryClient, type RegistryCredentials, type RegistryOptions } from './index.ts';
import { Session } from './session.ts';

const MANIFEST = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: { mediaType: MEDIA.ociConfig, digest: digestOf('{}'), size: 2 },
    layers: [],
  }),
);

const serveManifest: Reply = (response) =>
  void response.writeHead(200, { 'content-type': MEDIA.ociManifest }).end(MANIFEST);

/** A registry that wants tokens, and the service that makes them; `token-1`, `token-2`… each good for `uses` requests. */
async function startProtected(
  options: { readonly uses?: number; readonly deny?: boolean; readonly expiresIn?: number } = {},
): Promise<{ registry: ScriptedRegistry; tokens: ScriptedRegistry; [Symbol.asyncDispose](): Promise<void> }> {
  const { uses = 100, deny = false, expiresIn = 300 } = options;
  let issued = 0;
  const left = new Map<string, number>();
  const tokens = await ScriptedRegistry.start((response, { headers, url }) => {
    if (headers.authorization === `Basic ${btoa('ann:wrong')}`) return void response.writeHead(401).end();
    const token = `token-${++issued}`;
    left.set(`Bearer ${token}`, uses);
    assert.ok(url.startsWith('/token'));
    response.end(JSON.stringify({ token, expires_in: expiresIn, refresh_token: 'refresh' }));
  });
  const challenge = `Bearer realm="http://${tokens.host}/token",service="test.registry"`;
  const guarded: Reply = (response, received, request) => {
    const credit = left.get(received.headers.authorization ?? '') ?? 0;
    if (credit === 0 || deny) {
      const why = credit === 0 ? 'invalid_token' : 'insufficient_scope';
      const header = `${challenge},scope="repository:app:pull",error="${why}"`;
      return failWith(401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': header })(
        response,
        received,
        request,
      );
    }
    left.set(received.headers.authorization ?? '', credit - 1);
    return serveManifest(response, received, request);
  };
  const ping: Reply = (response, { headers }) =>
    void (left.has(headers.authorization ?? '')
      ? response.end('{}')
      : response.writeHead(401, { 'www-authenticate': challenge }).end());
  const registry = await ScriptedRegistry.start(guarded, { ping });
  return {
    registry,
    tokens,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await tokens[Symbol.asyncDispose]();
    },
  };
}

function clientWith(options: RegistryOptions = {}): RegistryClient {
  return new RegistryClient({ retry: { attempts: 2, baseDelayMs: 1 }, stallTimeoutMs: 1000, proxyEnv: {}, ...options });
}

function at(registry: ScriptedRegistry, more = 'app:1'): Reference {
  return parseReference(`${registry.host}/${more}`);
}

function queryOf(received: Received | undefined): Record<string, string> {
  return Object.fromEntries(new URL(received?.url ?? '', 'http://x').searchParams);
}

for (const { name, header, expected } of [
  { name: 'nothing', header: '', expected: [] },
  { name: 'Basic', header: 'Basic realm="a \\"b\\""', expected: [{ scheme: 'basic', parameters: { realm: 'a "b"' } }] },
  {
    name: 'Bearer with a list of actions',
    header: 'Bearer realm="https://a/t",service=s,scope="repository:x:pull,push"',
    expected: [
      { scheme: 'bearer', parameters: { realm: 'https://a/t', service: 's', scope: 'repository:x:pull,push' } },
    ],
  },
  {
    name: 'two in one header',
    header: 'Negotiate, BEARER Realm="r" , Basic realm=b',
    expected: [
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'bearer', parameters: { realm: 'r' } },
      { scheme: 'basic', parameters: { realm: 'b' } },
    ],
  },
  { name: 'rubbish', header: '="', expected: [] },
])
  test(`parseChallenges() reads ${name}`, () => assert.deepEqual(parseChallenges(header), expected));

test('a token is fetched for the scope, with the credentials, once', async () => {
  await using servers = await startProtected();
  using client = clientWith();
  const auth = { username: 'ann', password: 's3cret' };
  for (let i = 0; i < 2; i++) assert.deepEqual((await client.resolve(at(servers.registry), { auth })).bytes, MANIFEST);
  assert.equal(servers.tokens.requests.length, 1);
  const [asked] = servers.tokens.requests;
  assert.equal(asked?.headers.authorization, `Basic ${btoa('ann:s3cret')}`);
  assert.deepEqual(queryOf(asked), {
    service: 'test.registry',
    scope: 'repository:app:pull',
    client_id: 'lading',
    account: 'ann',
  });
  assert.equal(servers.registry.asked.at(-1)?.headers.authorization, 'Bearer token-1');
});

test('tokens are not shared between people', async () => {
  await using servers = await startProtected();
  using client = clientWith();
  await client.resolve(at(servers.registry), { auth: { username: 'ann', password: 's3cret' } });
  await client.resolve(at(servers.registry));
  assert.equal(servers.tokens.requests.length, 2);
  assert.equal(servers.tokens.requests[1]?.headers.authorization, undefined);
});

test('a token the registry no longer takes is replaced', async () => {
  await using servers = await startProtected({ uses: 1 });
  using client = clientWith();
  await client.resolve(at(servers.registry));
  await client.resolve(at(servers.registry));
  assert.deepEqual(
    servers.registry.asked.map(({ headers }) => headers.authorization),
    ['Bearer token-1', 'Bearer token-1', 'Bearer token-2'],
  );
});

test('an expired token is not even tried', async () => {
  await using servers = await startProtected({ expiresIn: 0.02 });
  using client = clientWith();
  await client.resolve(at(servers.registry));
  await new Promise((resolve) => setTimeout(resolve, 40));
  await client.resolve(at(servers.registry));
  assert.deepEqual(
    servers.registry.asked.map(({ headers }) => headers.authorization),
    ['Bearer token-1', 'Bearer token-2'],
  );
});

test('an identity token is exchanged by POST, a registry token sent as it is', async () => {
  await using servers = await startProtected();
  using client = clientWith();
  await client.resolve(at(servers.registry), { auth: { identitytoken: 'id-token' } });
  const [asked] = servers.tokens.requests;
  assert.equal(asked?.method, 'POST');
  assert.deepEqual(Object.fromEntries(new URLSearchParams(asked?.body.toString())), {
    grant_type: 'refresh_token',
    service: 'test.registry',
    client_id: 'lading',
    scope: 'repository:app:pull',
    refresh_token: 'id-token',
  });
  await client.resolve(at(servers.registry), { auth: { registrytoken: 'token-1' } });
  assert.equal(servers.tokens.requests.length, 1);
  assert.equal(servers.registry.asked.at(-1)?.headers.authorization, 'Bearer token-1');
});

test('who may not read gets the words of docker pull', async () => {
  await using servers = await startProtected({ deny: true });
  using client = clientWith();
  await assert.rejects(client.resolve(at(servers.registry)), (error: Error & { code?: string; hint?: string }) => {
    const name = `${servers.registry.host}/app`;
    assert.equal(
      error.message,
      `pull access denied for ${name}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
    );
    assert.equal(error.code, 'not_found');
    assert.match(error.hint ?? '', /lading login 127\.0\.0\.1/);
    return true;
  });
});

test('login() tells right from wrong passwords', async () => {
  await using servers = await startProtected();
  using client = clientWith();
  const { host } = servers.registry;
  const result = await client.login(host, { username: 'ann', password: 's3cret' });
  assert.deepEqual(result, { status: 'Login Succeeded', identityToken: 'refresh' });
  const wrong = client.login(host, { username: 'ann', password: 'wrong' });
  await assert.rejects(wrong, { code: 'unauthenticated', message: /incorrect username or password/ });
  await using plain = await ScriptedRegistry.start(serveManifest, {
    ping: (response, { headers }) =>
      void (headers.authorization === `Basic ${btoa('bob:pw')}`
        ? response.end('{}')
        : response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()),
  });
  assert.equal((await client.login(plain.host, { username: 'bob', password: 'pw' })).identityToken, undefined);
  await assert.rejects(client.login(plain.host, { username: 'bob', password: 'no' }), { code: 'unauthenticated' });
});

test("credentials come from the source when the call brings none, under Docker's key", async () => {
  const asked: string[] = [];
  const get = async (key: string): Promise<RegistryCredentials> => (
    asked.push(key),
    { username: 'ann', password: 'x' }
  );
  await using servers = await startProtected();
  using client = clientWith({ credentials: { get } });
  await client.resolve(at(servers.registry));
  assert.deepEqual(asked, [servers.registry.host]);
});

/** Answers from a list, without a network. */
function fakeTransport(answers: readonly { status: number; headers?: Record<string, string> }[]): {
  transport: Transport;
  sent: { url: string; authorization: string | undefined }[];
} {
  const sent: { url: string; authorization: string | undefined }[] = [];
  const send = async ({ url, headers }: { url: URL; headers?: Record<string, string> }): Promise<TransportResponse> => {
    const answer = answers[sent.length] ?? { status: 500 };
    sent.push({ url: url.href, authorization: headers?.['authorization'] });
    const body = Readable.from([]) as unknown as TransportResponse['body'];
    return { status: answer.status, headers: answer.headers ?? {}, body, url };
  };
  return { transport: { send } as unknown as Transport, sent };
}

async function get(transport: Transport, challenge: string): Promise<TransportResponse> {
  const session = new Session(transport, new Authorizer(transport, 100), ANONYMOUS, 100);
  const base = new URL('https://registry.example/');
  const endpoint = { base, credentialKey: 'k', mirror: false, challenges: parseChallenges(challenge) };
  const auth = { username: 'ann', password: 's3cret' };
  return session.send({ endpoint, method: 'GET', target: 'v2/x', scopes: [] }, { auth });
}

test('a redirect from HTTPS to HTTP is refused, one to another host or port loses the credentials for good', async () => {
  const down = fakeTransport([{ status: 302, headers: { location: 'http://registry.example/v2/x' } }]);
  await assert.rejects(get(down.transport, 'Basic realm=x'), { code: 'unavailable', message: /HTTPS may not be left/ });
  assert.equal(down.sent.length, 1);
  const away = fakeTransport([
    { status: 307, headers: { location: 'https://registry.example:8443/y' } },
    { status: 307, headers: { location: 'https://user:pw@cdn.example/z' } },
    { status: 200 },
  ]);
  await get(away.transport, 'Basic realm=x');
  assert.deepEqual(away.sent, [
    { url: 'https://registry.example/v2/x', authorization: `Basic ${btoa('ann:s3cret')}` },
    { url: 'https://registry.example:8443/y', authorization: undefined },
    { url: 'https://cdn.example/z', authorization: undefined },
  ]);
});

test('a password is never sent to a token service over plain HTTP for a registry on HTTPS', async () => {
  const { transport, sent } = fakeTransport([]);
  await assert.rejects(get(transport, 'Bearer realm="http://tokens.example/"'), { message: /is not HTTPS/ });
  assert.equal(sent.length, 0);
});
