import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { describe as describeProgram } from '../../src/build/describe.ts';
import { arg, image, type Image } from '../../src/build/index.ts';
import { BuilderHarness } from '../support/builder-harness.ts';
import { BUILD_PAIRS, PAIR_FILES } from '../support/build-pairs.ts';
import { generator, hostileText } from '../support/hostile-texts.ts';

const describeTargets = (targets: Record<string, Image>) =>
  describeProgram(targets, { args: {}, platforms: ['linux/amd64'], folder: '/' });

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

  it('a stage is the same image alone and among others that it has steps in common with', async () => {
    const level = arg('LEVEL', '1');
    const steps: readonly ((stage: Image, n: number) => Image)[] = [
      (stage, n) => stage.env({ [`E${n}`]: level }),
      (stage, n) => stage.label({ n }),
      (stage, n) => stage.cmd(['cmd', `${n}`]),
      (stage, n) => stage.entrypoint([`${n}`]),
      (stage, n) => stage.run(`echo ${n} > /f`),
      (stage, n) => stage.onbuild((later) => later.label({ triggered: n })),
      (stage) => stage.shell(['/bin/sh', '-ec']).cmd('true'),
      (stage, n) => stage.workdir(`w${n}`),
      (stage, n) => stage.as(`name${n}`),
    ];
    const context = { kind: 'directory', path: harness.context({}) } as const;
    for (let seed = 1; seed <= 6; seed++) {
      const random = generator(seed);
      const stages = [image('busybox').label({ seed })];
      const one = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
      for (let n = 0; n < 14; n++) stages.push(one(steps)(one(stages), n));
      const targets = Object.fromEntries(stages.slice(-4).map((stage, i) => [`target${i}`, stage]));
      const all = await describeTargets(targets);
      for (const [name, stage] of Object.entries(targets)) {
        const alone = await harness.build({ context, dockerfileText: stage.plan().dockerfile });
        const among = await harness.build({
          context,
          dockerfileText: all.dockerfile,
          target: all.targets[name] ?? name,
        });
        assert.equal(among.result.imageId, alone.result.imageId, `seed ${seed}, ${name}:\n${all.dockerfile}`);
      }
    }
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
