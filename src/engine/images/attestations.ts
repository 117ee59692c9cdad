import { readStatements } from '../../builder/index.ts';
import type { ContentStore } from '../../content/index.ts';
import type { ImageStore, Referrers } from '../../image/index.ts';
import type { Attestation } from '../types.ts';

/** What is attached to an image as in-toto statements; of an index, to the image of each platform. @throws not_found, data_loss */
export async function attestationsOf(
  ref: string,
  { images, referrers, content }: { images: ImageStore; referrers: Referrers; content: ContentStore },
): Promise<Attestation[]> {
  const { record, index } = images.resolve(ref);
  const subjects = index ? index.images.map(({ manifest }) => manifest.digest) : [record.manifest.digest];
  const found: Attestation[] = [];
  for (const referrer of subjects.flatMap((subject) => referrers.of(subject)))
    for (const statement of await readStatements(content, referrer))
      found.push({ descriptor: referrer.manifest, predicateType: statement.predicateType, statement });
  return found;
}
