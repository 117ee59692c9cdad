import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { DOCKER_HUB_KEY } from '../auth/credential-source.ts';
import { dockerConfigPath } from './config-file.ts';
import { DockerCredentials } from './docker-credentials.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lading-credentials-'));
  path = join(folder, 'config.json');
});

afterEach(async () => rm(folder, { recursive: true, force: true }));

/** A helper that keeps one file per server below `kept/`, as the protocol wants it. */
async function installHelper(name: string, script?: string): Promise<NodeJS.ProcessEnv> {
  const program = join(folder, `docker-credential-${name}`);
  const usual = `#!/bin/sh
kept='${join(folder, 'kept')}'; mkdir -p "$kept"; input=$(cat)
case "$1" in
  store) printf %s "$input" > "$kept/$(printf %s "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/' | tr / _)";;
  get) cat "$kept/$(printf %s "$input" | tr / _)" 2>/dev/null || { echo 'credentials not found in native keychain'; exit 1; };;
  erase) rm -f "$kept/$(printf %s "$input" | tr / _)";;
  list) echo '{"https://listed/":"lisa"}';;
esac
`;
  await writeFile(program, script ?? usual);
  await chmod(program, 0o755);
  return { ...process.env, PATH: `${folder}${delimiter}${process.env['PATH']}` };
}

async function config(): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
}

test('store() writes what docker reads, keeps unknown keys, and only the owner may read it', async () => {
  await writeFile(path, JSON.stringify({ psFormat: 'table', auths: { 'other:1': { auth: 'eDp5', email: 'e' } } }));
  const credentials = new DockerCredentials({ path });
  await credentials.store(DOCKER_HUB_KEY, { username: 'ann', password: 'p:w' });
  assert.deepEqual(await config(), {
    psFormat: 'table',
    auths: { 'other:1': { auth: 'eDp5', email: 'e' }, [DOCKER_HUB_KEY]: { auth: btoa('ann:p:w') } },
  });
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await credentials.get(DOCKER_HUB_KEY), { username: 'ann', password: 'p:w' });
  assert.deepEqual(await credentials.get('other:1'), { username: 'x', password: 'y' });
  assert.equal(await credentials.get('other'), undefined);
  assert.deepEqual(await credentials.list(), { 'other:1': 'x', [DOCKER_HUB_KEY]: 'ann' });
  assert.equal(await credentials.erase(DOCKER_HUB_KEY), true);
  assert.equal(await credentials.erase(DOCKER_HUB_KEY), false);
  assert.deepEqual(Object.keys((await config())['auths'] as object), ['other:1']);
});

test('get() understands identity tokens and keys that are URLs', async () => {
  const auths = {
    'https://old.example/v1/': { auth: btoa('ann:pw') },
    'id.example': { auth: btoa('ann:'), identitytoken: 'tok' },
    'empty.example': {},
  };
  await writeFile(path, JSON.stringify({ auths }));
  const credentials = new DockerCredentials({ path });
  assert.deepEqual(await credentials.get('old.example'), { username: 'ann', password: 'pw' });
  assert.deepEqual(await credentials.get('id.example'), { username: 'ann', password: '', identitytoken: 'tok' });
  assert.equal(await credentials.get('empty.example'), undefined);
  assert.equal(await credentials.get('none.example'), undefined);
});

test('a symbolic link to config.json stays one', async () => {
  await mkdir(join(folder, 'real'));
  await writeFile(join(folder, 'real', 'c.json'), '{}');
  await symlink('real/c.json', path);
  await new DockerCredentials({ path }).store('r', { username: 'a', password: 'b' });
  assert.match(await readFile(join(folder, 'real', 'c.json'), 'utf8'), /"auths"/);
});

test('helpers are used for their servers, and keep the secret out of the file', async () => {
  const env = await installHelper('test');
  await writeFile(path, JSON.stringify({ credHelpers: { 'reg.example': 'test' } }));
  const credentials = new DockerCredentials({ path, env });
  assert.equal(await credentials.get('reg.example'), undefined);
  await credentials.store('reg.example', { username: 'ann', password: 's3cret' });
  assert.deepEqual((await config())['auths'], { 'reg.example': {} });
  assert.deepEqual(await credentials.get('reg.example'), { username: 'ann', password: 's3cret' });
  await credentials.store('reg.example', { username: 'ann', identitytoken: 'tok' });
  assert.deepEqual(await credentials.get('reg.example'), { identitytoken: 'tok' });
  assert.equal(await credentials.erase('reg.example'), true);
  assert.equal(await credentials.get('reg.example'), undefined);
});

test('credsStore serves every other server and lists its own', async () => {
  const env = await installHelper('test');
  await writeFile(path, JSON.stringify({ credsStore: 'test' }));
  const credentials = new DockerCredentials({ path, env });
  await credentials.store('a.example', { username: 'ann', password: 'pw' });
  assert.deepEqual(await credentials.get('a.example'), { username: 'ann', password: 'pw' });
  assert.deepEqual(await credentials.list(), { 'https://listed/': 'lisa' });
});

test('a helper that is missing, broken, hanging or a path counts as knowing nothing', async () => {
  const env = await installHelper('broken', '#!/bin/sh\necho oops; exit 3\n');
  await installHelper('hangs', '#!/bin/sh\nexec sleep 30\n');
  for (const credsStore of ['missing', 'broken', 'hangs', '../evil']) {
    await writeFile(path, JSON.stringify({ credsStore }));
    const credentials = new DockerCredentials({ path, env, helperTimeoutMs: 100 });
    assert.equal(await credentials.get('reg.example'), undefined, credsStore);
    await assert.rejects(credentials.store('reg.example', { username: 'a', password: 'b' }), { name: 'LadingError' });
  }
});

test('a broken config.json is named without quoting it', async () => {
  await writeFile(path, '{"auths": {"x": {"auth": "c2VjcmV0"');
  await assert.rejects(new DockerCredentials({ path }).get('x'), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'invalid_argument');
    assert.ok(error.message.includes(path));
    assert.doesNotMatch(error.message, /c2Vj/);
    return true;
  });
});

test('the file is where docker has it', () => {
  assert.equal(dockerConfigPath({ DOCKER_CONFIG: '/x', HOME: '/h' }), '/x/config.json');
  assert.equal(dockerConfigPath({ HOME: '/h' }), '/h/.docker/config.json');
});
