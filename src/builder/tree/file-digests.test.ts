import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { FileDigests } from './file-digests.ts';
import { FileTree } from './file-tree.ts';

function folders(t: TestContext): { context: string; store: string } {
  const [context, store] = [mkdtempSync(join(tmpdir(), 'lading-ctx-')), mkdtempSync(join(tmpdir(), 'lading-dig-'))];
  t.after(() => [context, store].forEach((path) => rmSync(path, { recursive: true })));
  return { context, store };
}

/** Digests of all files, and which of them had to be read. */
async function digestAll(digests: FileDigests, context: string): Promise<{ read: string[]; all: string[] }> {
  using tree = new FileTree(context);
  const [read, all]: [string[], string[]] = [[], []];
  for (const name of tree.names('')) {
    const found = digests.digestOf(tree, name, tree.stat(name)!);
    if (typeof found !== 'string') read.push(name);
    all.push(await found);
  }
  await digests.save();
  return { read, all };
}

test('FileDigests reads a file once, also after a restart, and again when its bytes may have changed', async (t) => {
  const { context, store } = folders(t);
  for (let i = 0; i < 20; i++) writeFileSync(join(context, `f${i}`), `content ${i}`);
  const written = Date.now();
  t.mock.method(Date, 'now', () => written + 60_000);
  const first = await digestAll(await FileDigests.open(store, context), context);
  assert.equal(first.read.length, 20);
  const reopened = await FileDigests.open(store, context);
  assert.deepEqual(await digestAll(reopened, context), { read: [], all: first.all });
  // The same size and the same time of change: only its ctime tells.
  writeFileSync(join(context, 'f3'), 'CONTENT 3');
  utimesSync(join(context, 'f3'), 1, 1);
  const changed = await digestAll(reopened, context);
  assert.deepEqual(changed.read, ['f3']);
  assert.notDeepEqual(changed.all, first.all);
  const [file] = readdirSync(store);
  assert.equal(readFileSync(join(store, file!), 'utf8').trim().split('\n').length, 21, 'one line was added');
  assert.deepEqual((await digestAll(await FileDigests.open(store, context), context)).read, []);
});

test('FileDigests does not trust a file that was written a moment ago, nor a damaged store', async (t) => {
  const { context, store } = folders(t);
  writeFileSync(join(context, 'young'), 'x');
  const written = statSync(join(context, 'young')).ctimeMs;
  const clock = t.mock.method(Date, 'now', () => written + 10);
  const digests = await FileDigests.open(store, context);
  assert.deepEqual((await digestAll(digests, context)).read, ['young']);
  assert.deepEqual((await digestAll(digests, context)).read, ['young']);
  clock.mock.mockImplementation(() => written + 60_000);
  await digestAll(digests, context);
  const path = join(store, readdirSync(store)[0]!);
  appendFileSync(path, '["half a li');
  assert.deepEqual((await digestAll(await FileDigests.open(store, context), context)).read, []);
  appendFileSync(path, 'garbage\n');
  assert.deepEqual((await digestAll(await FileDigests.open(store, context), context)).read, ['young']);
});
