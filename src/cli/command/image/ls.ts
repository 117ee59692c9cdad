import type { ImageSummary } from '../../../client/index.ts';
import type { Command } from '../../command.ts';
import { parseFilters } from '../../filters.ts';
import { bool, list, text } from '../../flags.ts';
import { printRows, type Fields } from '../../format/rows.ts';
import { ago, goTime, humanSize, shortId } from '../../format/units.ts';

const NONE = '<none>';

/** One line of the listing: an image has one for each of its names. */
interface ImageRow {
  readonly image: ImageSummary;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

export const command: Command = {
  name: 'images',
  summary: 'List images',
  usage: '[OPTIONS] [REPOSITORY[:TAG]]',
  flags: [
    bool('all', 'a', 'Show all images (default hides intermediate images)'),
    bool('digests', '', 'Show digests'),
    list('filter', 'f', 'Filter output based on conditions provided'),
    text('format', '', 'Format output: "table", "table TEMPLATE", "json" or a Go template'),
    bool('no-trunc', '', "Don't truncate output"),
    bool('quiet', 'q', 'Only show image IDs'),
  ],
  arity: [0, 1],
  async run({ args: [reference], flags, context }) {
    const filters = parseFilters(flags.list('filter'), reference === undefined ? {} : { reference: [reference] });
    const images = await context.client.images.list({ all: flags.bool('all'), filters });
    const digests = flags.bool('digests');
    await printRows(
      context,
      images.flatMap((image) => imageRows(image, digests)),
      {
        fields: imageFields(flags.bool('no-trunc')),
        columns: ['Repository', 'Tag', ...(digests ? ['Digest'] : []), 'ID', 'CreatedSince', 'Size'],
        format: flags.text('format'),
        ...(flags.bool('quiet') ? { quiet: 'ID' } : {}),
      },
    );
  },
};

export function imageRows(image: ImageSummary, withDigests: boolean): ImageRow[] {
  const tags = (image.RepoTags ?? []).filter((tag) => tag !== '<none>:<none>');
  const digests = (image.RepoDigests ?? []).filter((digest) => digest !== '<none>@<none>');
  const digestOf = (repository: string): string | undefined =>
    digests.find((digest) => digest.startsWith(`${repository}@`))?.slice(repository.length + 1);
  const rows = tags.map((name): ImageRow => {
    const colon = name.lastIndexOf(':');
    const repository = name.slice(0, colon);
    return {
      image,
      repository,
      tag: name.slice(colon + 1),
      digest: (withDigests ? digestOf(repository) : undefined) ?? NONE,
    };
  });
  if (rows.length > 0) return rows;
  const [first] = digests;
  const at = first?.indexOf('@') ?? -1;
  if (first === undefined) return [{ image, repository: NONE, tag: NONE, digest: NONE }];
  return [{ image, repository: first.slice(0, at), tag: NONE, digest: withDigests ? first.slice(at + 1) : NONE }];
}

function imageFields(full: boolean): Fields<ImageRow> {
  const optional = (value: number, show: (value: number) => string): string => (value < 0 ? 'N/A' : show(value));
  return {
    Repository: { header: 'REPOSITORY', value: ({ repository }) => repository },
    Tag: { header: 'TAG', value: ({ tag }) => tag },
    Digest: { header: 'DIGEST', value: ({ digest }) => digest },
    ID: { header: 'IMAGE ID', value: ({ image }) => (full ? image.Id : shortId(image.Id)) },
    CreatedSince: { header: 'CREATED', value: ({ image }) => ago(image.Created) },
    CreatedAt: { header: 'CREATED AT', value: ({ image }) => goTime(image.Created) },
    Size: { header: 'SIZE', value: ({ image }) => humanSize(image.Size, 3) },
    VirtualSize: { header: 'SIZE', value: ({ image }) => humanSize(image.Size) },
    SharedSize: { header: 'SHARED SIZE', value: ({ image }) => optional(image.SharedSize, (size) => humanSize(size)) },
    UniqueSize: {
      header: 'UNIQUE SIZE',
      value: ({ image }) => optional(image.SharedSize, (shared) => humanSize(image.Size - shared)),
    },
    Containers: { header: 'CONTAINERS', value: ({ image }) => optional(image.Containers, String) },
  };
}
