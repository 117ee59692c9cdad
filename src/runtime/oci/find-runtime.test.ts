import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findRuntime, obstacleFor } from './find-runtime.ts';

const HYBRID = { mode: 'hybrid', hierarchies: [], v2Controllers: ['hugetlb'] } as const;
const V2 = { mode: 'v2', hierarchies: [], v2Controllers: ['memory', 'pids'] } as const;

describe('obstacleFor()', () => {
  it('keeps crun off a hybrid host with controllers on version 2', () => {
    assert.match(obstacleFor('crun', HYBRID) ?? '', /hugetlb/);
  });
  it('lets crun run where the hosts are of one version, and runc anywhere', () => {
    assert.equal(obstacleFor('crun', V2), undefined);
    assert.equal(obstacleFor('crun', { ...HYBRID, v2Controllers: [] }), undefined);
    assert.equal(obstacleFor('runc', HYBRID), undefined);
  });
});

describe('findRuntime()', () => {
  it('takes the configured program and says what it is', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'lading-find-'));
    const path = join(dir, 'mine');
    await writeFile(path, '#!/bin/sh\necho "runc version 9.9.9"\n');
    await chmod(path, 0o755);
    assert.deepEqual(await findRuntime(path, HYBRID), { name: 'runc', version: '9.9.9', path });
    await rm(dir, { recursive: true });
  });

  it('names what it tried when there is none', async () => {
    await assert.rejects(findRuntime('/no/such/runtime', V2), {
      code: 'unavailable',
      message: 'find an OCI runtime: /no/such/runtime: not installed',
    });
  });
});
