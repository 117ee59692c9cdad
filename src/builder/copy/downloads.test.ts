import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openMetadata } from '../../metadata/index.ts';
import { Downloads } from './downloads.ts';

test('Downloads gives up a server that sends nothing any more, and can be cancelled', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lading-downloads-'));
  const metadata = openMetadata(join(folder, 'metadata.db'));
  const server = createServer((request, response) => {
    if (request.url === '/begun') response.write('begin');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
    metadata.close();
    rmSync(folder, { recursive: true });
  });
  const url = `http://user:secret@127.0.0.1:${(server.address() as AddressInfo).port}`;
  const downloads = new Downloads(metadata, { idleMs: 200 });
  for (const path of ['/silent', '/begun'])
    await assert.rejects(downloads.look(url + path, { folder }), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'deadline_exceeded');
      assert.match(error.message, /sent nothing for 0\.2 s/);
      assert.ok(!error.message.includes('secret'));
      return true;
    });
  await assert.rejects(new Downloads(metadata).look(`${url}/begun`, { folder, signal: AbortSignal.timeout(100) }), {
    name: 'TimeoutError',
  });
});
