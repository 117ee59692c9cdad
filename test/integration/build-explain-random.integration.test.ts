import assert from 'node:assert/strict';
import { lutimesSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { BuildExplanation } from '../../src/builder/index.ts';
import { BuilderHarness } from '../support/builder-harness.ts';
import { FakeExecutor } from '../support/fake-executor.ts';
import { differences, type Claim } from '../support/explain-model/differences.ts';
import { mutate } from '../support/explain-model/mutate.ts';
import { Random } from '../support/explain-model/random.ts';
import { dockerfileOf, layerSteps, randomWorld, type World } from '../support/explain-model/world.ts';

const missing = [process.getuid?.() === 0 ? '' : 'needs root'].filter(Boolean);
/** LADING_TEST_SEED repeats a run, LADING_TEST_ROUNDS makes it longer. */
const SEED = Number(process.env['LADING_TEST_SEED'] ?? Date.now() % 1_000_000_000);
const ROUNDS = Number(process.env['LADING_TEST_ROUNDS'] ?? 20);

/** Makes a folder what the model says. */
function write(path: string, { files, folders, ignored }: World): void {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  for (const folder of folders) mkdirSync(join(path, folder));
  for (const [name, file] of Object.entries(files)) {
    if (file.target !== undefined) symlinkSync(file.target, join(path, name));
    else writeFileSync(join(path, name), file.content, { mode: file.mode });
    lutimesSync(join(path, name), file.time, file.time);
  }
  writeFileSync(join(path, '.dockerignore'), ignored.join('\n'));
}

async function explain(harness: BuilderHarness, path: string, world: World): Promise<BuildExplanation[]> {
  write(path, world);
  const { events } = await harness.build({
    context: { kind: 'directory', path },
    dockerfileText: dockerfileOf(world),
    buildArgs: world.buildArgs,
    explain: true,
  });
  return events.filter((event): event is BuildExplanation => event.kind === 'explain');
}

/** Whether a sentence says what a claim does; of files, how many others differ has to be right, too. */
function says({ cause, message }: BuildExplanation, claim: Claim): boolean {
  const others = (claim.count ?? 1) - 1;
  const suffix = others === 0 ? '' : ` (and ${others} other ${others === 1 ? 'file differs' : 'files differ'})`;
  const whole = claim.message + suffix + (claim.after ?? '');
  // A long instruction is cut.
  const isSame = message.endsWith('…)') ? whole.startsWith(message.slice(0, -2)) : message === whole;
  return claim.cause === cause && isSame;
}

describe(
  `build --explain, ${ROUNDS} random changes (seed ${SEED})`,
  { skip: missing.length > 0 && missing.join(', ') },
  () => {
    const random = new Random(SEED);
    for (let round = 0; round < ROUNDS; round++)
      it(`never names a false cause: round ${round}`, async () => {
        const harness = await BuilderHarness.open(undefined, { bare: true, fake: new FakeExecutor() });
        try {
          const path = join(harness.dir, 'context');
          const earlier = [randomWorld(random)];
          await explain(harness, path, earlier[0]!);
          for (let change = 0; change < 2; change++) {
            const now = mutate(earlier[0]!, random);
            const story = [...earlier.toReversed(), now]
              .map((one) => `--- ${one.story.join(', ')}\n${dockerfileOf(one)}`)
              .join('');
            const told = await explain(harness, path, now);
            for (const one of told) {
              const step = layerSteps(now).find(({ number }) => number === one.step)!;
              const claims = earlier.flatMap((before) => differences(before, now, step.id));
              assert.ok(
                claims.some((claim) => says(one, claim)),
                `${story}\nstep ${one.step} ${one.cause}: ${one.message}\ntrue are: ${claims.map(({ cause, message }) => `\n  ${cause}: ${message}`).join('')}`,
              );
            }
            // With one earlier build only, a step runs exactly when there is a reason.
            if (earlier.length === 1)
              for (const { id, number } of layerSteps(now)) {
                const expected = differences(earlier[0]!, now, id).length > 0;
                assert.equal(
                  told.some(({ step }) => step === number),
                  expected,
                  `${story}\nstep ${number}`,
                );
              }
            assert.deepEqual(await explain(harness, path, now), [], `${story}\nbuilt again`);
            earlier.unshift(now);
          }
        } finally {
          await harness.close();
        }
      });
  },
);
