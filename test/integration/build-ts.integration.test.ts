import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { arg, image } from '../../src/build/index.ts';
import { BuilderHarness } from '../support/builder-harness.ts';
import { BUILD_PAIRS, PAIR_FILES } from '../support/build-pairs.ts';
import { generator, hostileText } from '../support/hostile-texts.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

describe('builds in TypeScript', { skip }, () => {
  let harness: BuilderHarness;

  before(async () => {
    harness = await BuilderHarness.open();
  });

  after(async () => {
    await harness.close();
  });

  const secrets = new Map([['token', Buffer.from('s3')]]);

  for (const { name, program, dockerfile, buildArgs = {} } of BUILD_PAIRS)
    it(`gives the digest of the equivalent Dockerfile and shares its cache: ${name}`, async () => {
      const folder = harness.context(PAIR_FILES);
      const options = { context: { kind: 'directory', path: folder } as const, buildArgs, secrets };
      const fromProgram = await harness.build({ ...options, dockerfileText: program().plan().dockerfile });
      const fromFile = await harness.build({ ...options, dockerfileText: dockerfile });
      assert.equal(fromProgram.result.imageId, fromFile.result.imageId);
      const ran = fromFile.statuses.filter((status) => status.endsWith(' done') && !status.startsWith('FROM'));
      assert.deepEqual(ran, [], 'the second build ran nothing');
    });

  it('any text arrives byte for byte in the configuration and in the process', async () => {
    const random = generator(7);
    // The C library's environment has no empty names, and PATH is needed to find the shell.
    const values = Array.from({ length: 60 }, () => hostileText(random));
    const named = Object.fromEntries(values.map((value, i) => [`V${i}`, value]));
    const args = values.slice(0, 5).map((value, i) => arg(`ARG${i}`, value));
    const stage = image('busybox')
      .env(named)
      .label(named)
      .arg(...args)
      .run(['/bin/sh', '-c', 'printf "%s\\0" "$@" > /args && env -0 > /env', 'sh', ...values])
      .cmd(values);
    const path = harness.context({});
    const { image: built } = await harness.build({
      context: { kind: 'directory', path },
      dockerfileText: stage.plan().dockerfile,
    });
    const { config } = built.config;
    const expected = values.map((value, i) => `V${i}=${value}`);
    assert.deepEqual(config.Env?.slice(1), expected);
    assert.deepEqual(config.Labels, named);
    assert.deepEqual(config.Cmd, values);
    const layer = await harness.snapshotter.upperDirOf(built.layers.at(-1)!.chainId);
    assert.deepEqual(readFileSync(join(layer, 'args'), 'utf8').split('\0').slice(0, -1), values);
    const seen = readFileSync(join(layer, 'env'), 'utf8').split('\0');
    for (const entry of [...expected, ...args.map(({ name, default: value }) => `${name}=${value}`)])
      assert.ok(seen.includes(entry), JSON.stringify(entry));
  });
});
