import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { ExportStreams } from './export-streams.ts';

async function text(stream: Readable): Promise<string> {
  return Buffer.concat(await stream.toArray()).toString();
}

test('an output is read once, by who knows its id, and the offer lasts until its end', async () => {
  const streams = new ExportStreams();
  let id = '';
  const offered = streams.offer(
    () => Readable.from([Buffer.from('bytes')]),
    (given) => (id = given),
    { signal: new AbortController().signal },
  );
  assert.match(id, /^[0-9a-f]{48}$/);
  assert.equal(await text(await streams.take(id)), 'bytes');
  await offered;
  await assert.rejects(streams.take(id), { code: 'not_found' });
  await assert.rejects(streams.take('0'.repeat(48)), { code: 'not_found' });
});

test('an offer ends with its build, and with a client that does not come, stops early, or gets an error', async () => {
  const streams = new ExportStreams();
  const abort = new AbortController();
  const begin = (make: () => Readable, timeoutMs = 10_000): { id: string; offered: Promise<void> } => {
    let id = '';
    const offered = streams.offer(make, (given) => (id = given), { signal: abort.signal, timeoutMs });
    offered.catch(() => undefined);
    return { id, offered };
  };
  const endless = (): Readable => new Readable({ read: () => undefined });

  const late = begin(endless, 1);
  await assert.rejects(late.offered, { code: 'unavailable', message: /did not fetch it/ });
  await assert.rejects(streams.take(late.id), { code: 'not_found' });

  const stopped = begin(endless);
  (await streams.take(stopped.id)).destroy();
  await assert.rejects(stopped.offered, { code: 'unavailable', message: /stopped reading before the end/ });

  const broken = begin(
    () =>
      new Readable({
        read() {
          this.destroy(new Error('disk'));
        },
      }),
  );
  (await streams.take(broken.id)).on('error', () => undefined).resume();
  await assert.rejects(broken.offered, { message: 'export: disk' });

  const waiting = begin(endless);
  const reading = begin(endless);
  const stream = await streams.take(reading.id);
  abort.abort(new Error('gone'));
  await assert.rejects(waiting.offered, { code: 'cancelled' });
  await assert.rejects(reading.offered, /gone/);
  assert.equal(stream.destroyed, true);
});
