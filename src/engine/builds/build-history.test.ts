import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { SILENT_LOG } from '../../base/index.ts';
import type { BuildEvent, BuildRequest } from '../../builder/index.ts';
import { LadingError, isLadingError } from '../../errors/index.ts';
import { openMetadata } from '../../metadata/index.ts';
import { BuildHistory } from './build-history.ts';

const REQUEST: BuildRequest = {
  context: { kind: 'directory', path: '/src/app' },
  dockerfile: 'Dockerfile',
  tags: ['docker.io/my/app:1'],
  buildArgs: { TOKEN: 'hidden value' },
  labels: {},
  noCache: false,
  pull: false,
};
const RESULT = { imageId: 'sha256:aa', tags: [], metadata: {} };

let folder: string;
let metadata: ReturnType<typeof openMetadata>;
let history: BuildHistory;
const open = () => BuildHistory.open(metadata, folder, SILENT_LOG);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lading-history-'));
  metadata = openMetadata(join(folder, 'metadata.db'));
  history = await open();
});
afterEach(() => {
  metadata.close();
  rmSync(folder, { recursive: true });
});

function step(number: number, status: 'started' | 'cached' | 'done' | 'failed', key?: string): BuildEvent {
  const own = key === undefined ? {} : { key };
  return {
    kind: 'step',
    step: number,
    total: 2,
    stage: 'stage-0',
    place: '[1/2]',
    name: `RUN ${number}`,
    status,
    ...own,
  };
}
function output(number: number, text: string): BuildEvent {
  return { kind: 'output', step: number, stream: 'stdout', text };
}
async function record(
  events: BuildEvent[],
  outcome: Parameters<BuildHistory['finish']>[1] = { result: RESULT },
  request = REQUEST,
) {
  const { id, recorder } = history.begin(request);
  for (const event of events) recorder.observe(event);
  await history.finish(id, outcome);
  return id;
}
async function textOf(ref: string, number: number): Promise<string> {
  const pieces = [];
  for await (const [, , text] of history.log(ref, number).logs[0]!.pieces) pieces.push(text);
  return pieces.join('');
}

test('a build is recorded with its steps, named by its first tag without version, and without the values of arguments', async () => {
  const id = await record([step(1, 'started'), output(1, 'hello\n'), step(1, 'done', 'k1')]);
  const kept = history.get(id);
  assert.equal(kept.name, 'my/app');
  assert.equal(kept.status, 'completed');
  assert.equal(kept.imageId, 'sha256:aa');
  assert.deepEqual(kept.buildArgNames, ['TOKEN']);
  assert.deepEqual(
    kept.steps.map(({ status, key, logBytes }) => [status, key, logBytes]),
    [['done', 'k1', 6]],
  );
  assert.ok(!JSON.stringify(metadata.collection('builds').list()).includes('hidden value'));
});

test('a cached step shows what the run printed that made its result, also after a restart', async () => {
  await record([step(1, 'started'), output(1, 'made '), output(1, 'once\n'), step(1, 'done', 'k1')]);
  const cached = await record([step(1, 'started'), step(1, 'cached', 'k1')]);
  history = await open();
  assert.equal(await textOf(cached, 1), 'made once\n');
});

test('a failed step keeps its log with the build; an error is cut, cancellation told apart', async () => {
  const failed = await record([step(1, 'started'), output(1, 'oh'), step(1, 'failed')], {
    error: new Error('x'.repeat(9000)),
  });
  assert.equal(await textOf(failed, 1), 'oh');
  assert.equal(history.get(failed).status, 'failed');
  assert.equal(history.get(failed).error?.length, 4096);
  const cancelled = await record([step(1, 'started'), output(1, 'half')], {
    error: new LadingError('cancelled', 'build: cancelled'),
  });
  assert.equal(history.get(cancelled).status, 'cancelled');
  assert.equal(await textOf(cancelled, 1), 'half');
});

test('builds are found by id, prefix, name and "latest"; the previous good one of the name is the one compared with', async () => {
  const first = await record([]);
  await record([], { error: new Error('bad') });
  const other = await record([], undefined, { ...REQUEST, name: 'other' });
  const last = await record([]);
  assert.equal(history.get('latest').id, last);
  assert.equal(history.get('my/app').id, last);
  assert.equal(history.get('other').id, other);
  assert.equal(history.get(first.slice(0, 8)).id, first);
  assert.equal(history.previousOf(history.get(last))?.id, first);
  assert.equal(history.previousOf(history.get(other)), undefined);
  assert.throws(
    () => history.get('nothing'),
    (error) => isLadingError(error, 'not_found'),
  );
  assert.throws(
    () => history.log(last, 7),
    (error) => isLadingError(error, 'not_found') && /^build \w+ has no step 7$/.test(error.message),
  );
});

test('removing a build removes the logs only it shows', async () => {
  const first = await record([
    step(1, 'started'),
    output(1, 'a'),
    step(1, 'done', 'k1'),
    step(2, 'started'),
    output(2, 'b'),
    step(2, 'done', 'k2'),
  ]);
  await record([step(1, 'started'), step(1, 'cached', 'k1')]);
  await history.remove(first);
  assert.deepEqual(readdirSync(join(folder, 'logs')), ['k1']);
  const { id } = history.begin(REQUEST);
  await assert.rejects(history.remove(id), (error) => isLadingError(error, 'conflict'));
});

test('a step that prints without end is cut with a note', async () => {
  const line = 'x'.repeat(1 << 20);
  const id = await record([
    step(1, 'started'),
    ...Array.from({ length: 70 }, () => output(1, line)),
    step(1, 'done', 'big'),
  ]);
  assert.match((await textOf(id, 1)).slice(-80), /the log is longer than 64 MiB and ends here/);
});
