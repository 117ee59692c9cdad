import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { file, image, openStore, scratch } from '../../src/build/index.ts';
import { makeBusyboxRoot } from '../support/busybox.ts';
import { daemonSkipReason, TestDaemon } from '../support/test-daemon.ts';

const skip = daemonSkipReason() ?? false;

describe('builds in TypeScript without a daemon', { skip }, () => {
  let dir: string;

  before(() => {
    dir = mkdtempSync('/var/tmp/lading-build-ts-');
    makeBusyboxRoot(join(dir, 'root'));
  });

  after(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  it('build() runs the engine in this process, and leaves nothing of it', async () => {
    const dataRoot = join(dir, 'data');
    const base = scratch().copy('.', '/').as('base');
    const stage = image(base).run('echo one > /one').env({ A: '1' });
    const first = await stage.build({ dataRoot, context: join(dir, 'root'), tags: ['one'] });
    assert.match(first.imageId ?? '', /^sha256:[a-f0-9]{64}$/);
    assert.match(first.digest ?? '', /^sha256:[a-f0-9]{64}$/);
    assert.deepEqual([...new Set(first.steps.map(({ cached }) => cached))], [false]);

    await using store = await openStore({ dataRoot });
    const running = store.build({ one: stage, two: stage.run('echo two') }, { context: join(dir, 'root') });
    const statuses: string[] = [];
    for await (const event of running)
      if (event.kind === 'step' && event.status !== 'started')
        statuses.push(`${event.name.split(' ')[0]} ${event.status}`);
    assert.deepEqual(statuses.filter((text) => !text.startsWith('FROM')).sort(), [
      'COPY cached',
      'RUN cached',
      'RUN done',
    ]);
    assert.equal((await running).steps.length, statuses.length);

    const same = await stage.build({ dataRoot, context: join(dir, 'root') });
    assert.equal(same.imageId, first.imageId, 'an engine that is open already is shared');
    await store.close();
    assert.ok(!readFileSync('/proc/self/mounts', 'utf8').includes(dir), 'a mount is left');
    assert.deepEqual(existsSync(join(dataRoot, 'run/steps')) ? readdirSync(join(dataRoot, 'run/steps')) : [], []);
  });

  it('without root and without a daemon it says what is missing', () => {
    const text = `
      const { scratch } = await import('${join(import.meta.dirname, '../../src/build/index.ts')}');
      const build = (options) => scratch().label({ a: 1 }).build({ dataRoot: '${join(dir, 'nobody')}', ...options });
      await build({ signal: AbortSignal.abort() }).result.catch(() => undefined); // everything is loaded now
      process.setuid(65534);
      await build({}).result.catch((error) => console.log(JSON.stringify([error.code, error.message, error.hint])));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8' });
    const [code, message, hint] = JSON.parse(stdout || JSON.stringify([stderr])) as string[];
    assert.equal(code, 'permission_denied');
    assert.match(message ?? '', /building in this process needs root, and no daemon has the store$/);
    assert.match(hint ?? '', /start ladingd as root/);
  });

  it('provenance, limits and explanations are asked for like flags', async () => {
    const common = { dataRoot: join(dir, 'data'), context: join(dir, 'root') };
    const base = scratch().copy('.', '/');
    const explained: string[] = [];
    const options = { ...common, provenance: 'max', explain: true, name: 'named', limits: { pids: 50 } } as const;
    await base.run('true').build(options);
    await base.run('true; true').build({
      ...options,
      onEvent: (event) => {
        if (event.kind === 'explain') explained.push(event.message);
      },
    });
    assert.match(explained.join('\n'), /true/);
    await assert.rejects(base.run('sleep 100').build({ ...common, limits: { timeoutMs: 300 } }).result, {
      message: /^test\/integration\/build-ts-process\.integration\.test\.ts:\d+: /,
    });
  });

  it('another process waits until the store is free', async () => {
    const dataRoot = join(dir, 'data');
    const store = await openStore({ dataRoot });
    const program = join(dir, 'other.ts');
    writeFileSync(
      program,
      `import { scratch } from '${join(import.meta.dirname, '../../src/build/index.ts')}';
const running = scratch().label({ other: 1 }).build({ dataRoot: '${dataRoot}', context: '${dir}/root' });
process.stdout.write('asked\\n');
process.stdout.write((await running).imageId ?? '');`,
    );
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const output = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    assert.equal(String((await output.next()).value), 'asked\n');
    const mine = await store.build(scratch().label({ mine: 1 }), { context: join(dir, 'root') });
    assert.ok(mine.imageId);
    await store.close();
    assert.match(String((await output.next()).value), /^sha256:[a-f0-9]{64}$/);
    const [status] = await once(child, 'close');
    assert.equal(status, 0);
  });

  it('outputs are written where the program runs, with and without a daemon', async () => {
    const outputs = (name: string) => [
      { type: 'local', attrs: { dest: join(dir, name) } },
      { type: 'oci', attrs: { dest: join(dir, `${name}.tar`) } },
    ];
    const stage = scratch().copy('etc/passwd', '/passwd').copy(file('text'), '/text');
    const common = { context: join(dir, 'root'), buildArgs: { SOURCE_DATE_EPOCH: '0' } };
    const here = await stage.build({ ...common, dataRoot: join(dir, 'data'), outputs: outputs('here') });
    await using daemon = await TestDaemon.start();
    const there = await stage.build({ ...common, host: daemon.host, outputs: outputs('there') });
    for (const name of ['here', 'there']) {
      assert.equal(readFileSync(join(dir, name, 'text'), 'utf8'), 'text\n');
      assert.ok(existsSync(join(dir, name, 'passwd')));
    }
    assert.equal(here.digest, there.digest, 'two stores, one digest');
    assert.ok(existsSync(join(dir, 'there.tar')) && existsSync(join(dir, 'here.tar')));
    const bad = stage.build({
      ...common,
      dataRoot: join(dir, 'data'),
      outputs: [{ type: 'local', attrs: { dest: join(common.context, 'etc/passwd') } }],
    });
    await assert.rejects(bad.result, { message: /destination directory is a file/ });
  });

  it('a cancelled build ends its step', async () => {
    const abort = new AbortController();
    const base = scratch().copy('.', '/');
    const running = base.run('echo started; sleep 100').build({
      dataRoot: join(dir, 'data'),
      context: join(dir, 'root'),
      signal: abort.signal,
      onEvent: (event) => {
        if (event.kind === 'output') abort.abort();
      },
    });
    await assert.rejects(running.result, { code: 'cancelled' });
  });
});
