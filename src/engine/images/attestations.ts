import { readStatements } from '../../builder/index.ts';
import type { ContentStore } from '../../content/index.ts';
import type { ImageStore, Referrers } from '../../image/index.ts';
import type { Attestation } from '../types.ts';

/** What is attached to an image as in-toto statements. @throws not_found, data_loss */
export async function attestationsOf(
  ref: string,
  { images, referrers, content }: { images: ImageStore; referrers: Referrers; content: ContentStore },
): Promise<Attestation[]> {
  const { record } = images.resolve(ref);
  const found: Attestation[] = [];
  for (const referrer of referrers.of(record.manifest.digest))
    for (const statement of await readStatements(content, referrer))
      found.push({ descriptor: referrer.manifest, predicateType: statement.predicateType, statement });
  return found;
}
