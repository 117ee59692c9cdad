import type { ContainerSummary } from '../../../client/index.ts';
import type { Command } from '../../command.ts';
import { displayablePorts } from '../../displayable-ports.ts';
import { parseFilters } from '../../filters.ts';
import { bool, int, list, text } from '../../flags.ts';
import { labelText } from '../../format/labels.ts';
import { printRows, type Fields } from '../../format/rows.ts';
import { ago, ellipsis, goQuote, goTime, humanSize, shortId } from '../../format/units.ts';

const COMMAND_WIDTH = 20;
const MOUNT_WIDTH = 15;

export const command: Command = {
  name: 'ps',
  summary: 'List containers',
  usage: '[OPTIONS]',
  flags: [
    bool('all', 'a', 'Show all containers (default shows just running)'),
    list('filter', 'f', 'Filter output based on conditions provided'),
    text('format', '', 'Format output: "table", "table TEMPLATE", "json" or a Go template'),
    int('last', 'n', 'Show n last created containers (includes all states)'),
    bool('latest', 'l', 'Show the latest created container (includes all states)'),
    bool('no-trunc', '', "Don't truncate output"),
    bool('quiet', 'q', 'Only display container IDs'),
    bool('size', 's', 'Display total file sizes'),
  ],
  examples: ['lading ps -a --filter status=exited', "lading ps --format '{{.Names}}: {{.Status}}'"],
  async run({ flags, context }) {
    const limit = flags.bool('latest') ? 1 : flags.int('last');
    const containers = await context.client.containers.list({
      all: flags.bool('all'),
      size: flags.bool('size') || /\.Size\b/.test(flags.text('format') ?? ''),
      ...(limit === undefined || limit <= 0 ? {} : { limit }),
      filters: parseFilters(flags.list('filter')),
    });
    await printRows(context, containers, {
      fields: containerFields(flags.bool('no-trunc')),
      columns: flags.bool('size') ? [...COLUMNS, 'Size'] : COLUMNS,
      format: flags.text('format'),
      ...(flags.bool('quiet') ? { quiet: 'ID' } : {}),
    });
  },
};

const COLUMNS = ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names'];

export function containerFields(full: boolean): Fields<ContainerSummary> {
  return {
    ID: { header: 'CONTAINER ID', value: ({ Id }) => (full ? Id : shortId(Id)) },
    Image: { header: 'IMAGE', value: (one) => imageName(one, full) },
    Command: {
      header: 'COMMAND',
      value: ({ Command }) => goQuote(full ? Command : ellipsis(Command, COMMAND_WIDTH)),
    },
    CreatedAt: { header: 'CREATED AT', value: ({ Created }) => goTime(Created) },
    RunningFor: { header: 'CREATED', value: ({ Created }) => ago(Created) },
    Platform: { header: 'PLATFORM', value: () => null },
    Status: { header: 'STATUS', value: ({ Status }) => Status },
    State: { header: 'STATE', value: ({ State }) => State },
    Ports: { header: 'PORTS', value: ({ Ports }) => displayablePorts(Ports ?? []) },
    Names: { header: 'NAMES', value: ({ Names }) => ownNames(Names).join(',') },
    Labels: { header: 'LABELS', value: ({ Labels }) => labelText(Labels) },
    Label: {
      header: '',
      method: true,
      value:
        ({ Labels }) =>
        (name: string) =>
          Labels?.[name] ?? '',
    },
    LocalVolumes: {
      header: 'LOCAL VOLUMES',
      value: ({ Mounts }) => String((Mounts ?? []).filter((mount) => mount.Type === 'volume').length),
    },
    Mounts: { header: 'MOUNTS', value: (one) => mountText(one, full) },
    Networks: {
      header: 'NETWORKS',
      value: ({ NetworkSettings }) => Object.keys(NetworkSettings?.Networks ?? {}).join(','),
    },
    Size: { header: 'SIZE', value: sizeText },
  };
}

/** Names of its own, without slash; links ("/other/alias") are left out. */
function ownNames(names: readonly string[]): string[] {
  return (names ?? []).map((name) => name.replace(/^\//, '')).filter((name) => !name.includes('/'));
}

function imageName({ Image, ImageID }: ContainerSummary, full: boolean): string {
  if (Image === '') return '<no image>';
  if (full || !/^(?:sha256:)?[0-9a-f]{64}$/.test(Image))
    return full ? Image : Image.replace(/(?<=:[\w.-]+)@sha256:[0-9a-f]+$/, '');
  return shortId(ImageID || Image);
}

function mountText({ Mounts }: ContainerSummary, full: boolean): string {
  const names = (Mounts ?? []).map((mount) => mount.Name || mount.Source);
  return names.map((name) => (full ? name : ellipsis(name, MOUNT_WIDTH))).join(',');
}

function sizeText({ SizeRw = 0, SizeRootFs = 0 }: ContainerSummary): string {
  const own = humanSize(SizeRw, 3);
  return SizeRootFs > 0 ? `${own} (virtual ${humanSize(SizeRootFs, 3)})` : own;
}
