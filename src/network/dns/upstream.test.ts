import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBadQuery, parseQuery } from './message.ts';
import { askServer } from './upstream.ts';

/** "a." of type A: header (id 1, recursion desired, one question), name, type, class. */
const QUERY = Buffer.from('000101000001000000000000016100' + '00010001', 'hex');

test('askServer() fails when a server cannot be reached at all, whatever the transport', async () => {
  const query = parseQuery(QUERY);
  assert.ok(!isBadQuery(query));
  // connect(2) itself is refused: the broadcast address needs an option, a machine without networks has no route.
  for (const transport of ['udp', 'tcp'] as const)
    await assert.rejects(askServer(QUERY, query, '255.255.255.255', transport), /EACCES|ENETUNREACH|EINVAL/);
});
