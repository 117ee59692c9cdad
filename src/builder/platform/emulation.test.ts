import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parsePlatform } from '../../oci/index.ts';
import { checkRunnable, handles, parseEmulator } from './emulation.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
/** As the kernel prints what qemu-user-static registers. */
const AARCH64 = [
  'enabled',
  'interpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P',
  'flags: POCF',
  'offset 0',
  'magic 7f454c460201010000000000000000000200b700',
  'mask ffffffffffffff00fffffffffffffffffeffffff',
].join('\n');
const PYTHON = ['enabled', 'interpreter /usr/bin/python3', 'flags: ', 'extension .pyc'].join('\n');

function folder(t: TestContext, entries: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(tmpdir(), 'binfmt-'));
  t.after(() => rmSync(path, { recursive: true }));
  for (const [name, text] of Object.entries({ status: 'enabled\n', register: '', ...entries }))
    writeFileSync(join(path, name), text);
  return path;
}

test('an entry goes by its magic, whatever its name', () => {
  const entry = parseEmulator('anything', AARCH64);
  assert.deepEqual(
    ['arm64', 'arm', 'amd64', 'riscv64', 's390x', 'unheard-of'].filter((architecture) => handles(entry, architecture)),
    ['arm64'],
  );
  assert.equal(handles(parseEmulator('python', PYTHON), 'arm64'), false);
});

test('what the processor runs itself needs no emulator', async (t) => {
  const path = folder(t, {});
  for (const text of ['linux/amd64', 'linux/amd64/v3', 'linux/386'])
    await checkRunnable(parsePlatform(text), { host: AMD64, folder: path });
  await checkRunnable(parsePlatform('linux/arm/v7'), { host: { os: 'linux', architecture: 'arm64' }, folder: path });
});

test('a foreign platform needs an enabled emulator with flag F', async (t) => {
  const check = (entries: Readonly<Record<string, string>>): Promise<void> =>
    checkRunnable(parsePlatform('linux/arm64'), { host: AMD64, folder: folder(t, entries) });
  await check({ 'qemu-aarch64': AARCH64 });
  await assert.rejects(check({ python: PYTHON }), {
    code: 'unavailable',
    message: /^RUN for linux\/arm64: this machine is linux\/amd64 and has no emulator for arm64/,
    hint: /qemu-user-static and binfmt-support.*tonistiigi\/binfmt --install arm64.*BUILDPLATFORM/,
  });
  await assert.rejects(check({ x: AARCH64.replace('enabled', 'disabled') }), /"x", is disabled/);
  await assert.rejects(check({ x: AARCH64, status: 'disabled\n' }), /"x", is disabled/);
  await assert.rejects(check({ x: AARCH64.replace('POCF', 'OC') }), /without flag F/);
  await assert.rejects(
    checkRunnable(parsePlatform('linux/arm64'), { host: AMD64, folder: '/nonexistent' }),
    /no emulator/,
  );
  await assert.rejects(checkRunnable(parsePlatform('windows/amd64'), { host: AMD64 }), /runs linux programs only/);
});
