import type { Image } from '../../image/index.ts';
import type { ImageHistory } from '../types.ts';

/** Newest first, as `docker history` lists. Sizes are unpacked bytes; only the top entry has the image's id, others "<missing>". */
export function historyOf(image: Image, tags: readonly string[]): ImageHistory[] {
  let layer = 0;
  const entries = image.config.history.map((entry) => {
    const size = entry.empty_layer === true ? 0 : (image.layerSizes[layer++] ?? 0);
    const created = entry.created === undefined ? 0 : Math.floor(Date.parse(entry.created) / 1000);
    return {
      id: '<missing>',
      created,
      createdBy: entry.created_by ?? '',
      tags: [] as readonly string[],
      size,
      comment: entry.comment ?? '',
    };
  });
  for (; layer < image.layers.length; layer++)
    entries.push({
      id: '<missing>',
      created: 0,
      createdBy: '',
      tags: [],
      size: image.layerSizes[layer] ?? 0,
      comment: '',
    });
  return entries.reverse().map((entry, i) => (i === 0 ? { ...entry, id: image.id, tags } : entry));
}
