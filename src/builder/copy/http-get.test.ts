import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { text } from 'node:stream/consumers';
import { HttpGet } from './http-get.ts';

const openssl = spawnSync('openssl', ['version']).status === 0;

test(
  'HttpGet speaks https, trusts the certificates it is given and no stranger’s',
  { skip: openssl ? false : 'needs openssl' },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'lading-https-'));
    t.after(() => rmSync(dir, { recursive: true }));
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    const name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    assert.equal(spawnSync('openssl', [...args, ...name, '-keyout', key, '-out', cert]).status, 0);
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_request, response) =>
      response.end('secret'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const { signal } = new AbortController();
    await assert.rejects(new HttpGet().get(url, {}, signal), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    const trusted = new HttpGet([readFileSync(cert, 'utf8')]);
    assert.equal(await text(await trusted.get(url, {}, signal)), 'secret');
  },
);
