import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { builderSkipReason } from '../support/busybox.ts';
import { BuilderHarness } from '../support/builder-harness.ts';

/** Identical work wanted by two builds at once. Steps wait for a word on a pipe in a cache mount, so that nothing depends on time. */
describe('work that two builds want', { skip: builderSkipReason() }, () => {
  let harness: BuilderHarness;
  before(async () => {
    harness = await BuilderHarness.open();
  });
  after(() => harness.close());

  const MOUNT = 'RUN --mount=type=cache,id=gate,target=/gate';
  const start = (text: string, signal?: AbortSignal) => {
    const running = Promise.withResolvers<void>();
    const result = harness.build(
      { context: { kind: 'directory', path: harness.context({}) }, dockerfileText: `FROM busybox\n${text}` },
      {
        onEvent: (event) => event.kind === 'output' && event.text.includes('waiting') && running.resolve(),
        ...(signal ? { signal } : {}),
      },
    );
    result.catch((error: unknown) => running.reject(error));
    running.promise.catch(() => undefined);
    return { result, running: running.promise };
  };
  const gated = (name: string): string =>
    `${MOUNT} mkfifo /gate/${name} 2>/dev/null; echo waiting; read word < /gate/${name} && echo "$word" > /word`;
  const open = (name: string) =>
    harness.build({
      context: { kind: 'directory', path: harness.context({}) },
      dockerfileText: `FROM busybox\n${MOUNT} echo ${name} > /gate/${name}`,
      noCache: true,
    });
  const runsOf = (name: string): number =>
    harness.executor.runs.filter((args) => args[2]?.includes(`read word < /gate/${name}`)).length;

  it('is done once, and both get it', async () => {
    const first = start(gated('once'));
    await first.running;
    const second = start(`${gated('once')}\nRUN echo more > /more`);
    const started = Promise.withResolvers<void>();
    setImmediate(started.resolve);
    await started.promise;
    await open('once');
    const [one, two] = await Promise.all([first.result, second.result]);
    assert.equal(runsOf('once'), 1);
    assert.equal(one.image.layers.at(-1)!.diffId, two.image.layers.at(-2)!.diffId);
  });

  it('is done by the other when the first is cancelled', async () => {
    const abort = new AbortController();
    const first = start(gated('cancelled'), abort.signal);
    await first.running;
    const second = start(gated('cancelled'));
    abort.abort();
    await assert.rejects(first.result, { code: 'cancelled' });
    await second.running;
    assert.equal(runsOf('cancelled'), 2);
    await open('cancelled');
    const { image, statuses } = await second.result;
    assert.deepEqual([statuses.at(-1), image.layers.length], ['RUN done', 2]);
    assert.deepEqual(await harness.leftovers(), []);
  });

  it('that fails in one fails in the other for its own reason, with its own output', async () => {
    const text = `${MOUNT} mkfifo /gate/failing 2>/dev/null; echo waiting; read word < /gate/failing; exit 7`;
    const first = start(text);
    await first.running;
    const second = start(text);
    await open('failing');
    await assert.rejects(first.result, /exit code: 7/);
    await second.running;
    await open('failing');
    await assert.rejects(second.result, /exit code: 7/);
  });
});
