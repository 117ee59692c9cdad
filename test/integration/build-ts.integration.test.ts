import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BuilderHarness } from '../support/builder-harness.ts';
import { BUILD_PAIRS, PAIR_FILES } from '../support/build-pairs.ts';

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
});
