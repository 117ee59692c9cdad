import type { DiskUsage } from '../../../client/index.ts';
import type { Command } from '../../command.ts';
import { text } from '../../flags.ts';
import { printRows, type Fields } from '../../format/rows.ts';
import { humanSize } from '../../format/units.ts';

interface UsageRow {
  readonly type: string;
  readonly total: number;
  readonly active: number;
  readonly size: number;
  readonly reclaimable: number;
  /** Without a share in per cent. */
  readonly plain?: boolean;
}

const FIELDS: Fields<UsageRow> = {
  Type: { header: 'TYPE', value: ({ type }) => type },
  TotalCount: { header: 'TOTAL', value: ({ total }) => String(total) },
  Active: { header: 'ACTIVE', value: ({ active }) => String(active) },
  Size: { header: 'SIZE', value: ({ size }) => humanSize(size) },
  Reclaimable: { header: 'RECLAIMABLE', value: reclaimableText },
};

export const command: Command = {
  name: 'system df',
  summary: 'Show disk usage',
  usage: '[OPTIONS]',
  flags: [text('format', '', 'Format output: "table", "table TEMPLATE", "json" or a Go template')],
  async run({ flags, context }) {
    await printRows(context, usageRows(await context.client.system.diskUsage()), {
      fields: FIELDS,
      columns: ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'],
      format: flags.text('format'),
    });
  },
};

function usageRows(usage: DiskUsage): UsageRow[] {
  return [imageRow(usage), containerRow(usage), volumeRow(usage), cacheRow(usage)];
}

function imageRow({ Images, LayersSize }: DiskUsage): UsageRow {
  const images = Images ?? [];
  const used = images.filter((image) => image.Containers > 0);
  const kept = sum(used.map((image) => image.Size - Math.max(0, image.SharedSize)));
  return {
    type: 'Images',
    total: images.length,
    active: used.length,
    size: LayersSize,
    reclaimable: Math.max(0, LayersSize - kept),
  };
}

function containerRow({ Containers }: DiskUsage): UsageRow {
  const containers = Containers ?? [];
  const isActive = (state: string): boolean => state === 'running' || state === 'paused' || state === 'restarting';
  const idle = containers.filter((one) => !isActive(one.State));
  return {
    type: 'Containers',
    total: containers.length,
    active: containers.length - idle.length,
    size: sum(containers.map((one) => one.SizeRw ?? 0)),
    reclaimable: sum(idle.map((one) => one.SizeRw ?? 0)),
  };
}

function volumeRow({ Volumes }: DiskUsage): UsageRow {
  const volumes = (Volumes ?? []).map((one) => one.UsageData ?? { Size: 0, RefCount: 0 });
  const sizes = (some: typeof volumes): number => sum(some.map((one) => Math.max(0, one.Size)));
  return {
    type: 'Local Volumes',
    total: volumes.length,
    active: volumes.filter((one) => one.RefCount > 0).length,
    size: sizes(volumes),
    reclaimable: sizes(volumes.filter((one) => one.RefCount <= 0)),
  };
}

function cacheRow({ BuildCache, BuilderSize }: DiskUsage): UsageRow {
  const records = BuildCache ?? [];
  const size = BuilderSize ?? sum(records.map((one) => one.Size));
  const inUse = records.filter((one) => one.InUse);
  const kept = sum(records.filter((one) => one.InUse || one.Shared).map((one) => one.Size));
  return {
    type: 'Build Cache',
    total: records.length,
    active: inUse.length,
    size,
    reclaimable: Math.max(0, size - kept),
    plain: true,
  };
}

function reclaimableText({ reclaimable, size, plain }: UsageRow): string {
  const shown = humanSize(reclaimable);
  return plain === true || size <= 0 ? shown : `${shown} (${Math.trunc((reclaimable * 100) / size)}%)`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
