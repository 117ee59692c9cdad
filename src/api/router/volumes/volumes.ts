import type { Engine, Filters, VolumeView } from '../../../engine/index.ts';
import { LadingError } from '../../../errors/index.ts';
import { readJson } from '../../http/body.ts';
import { param, type Handler } from '../../http/call.ts';
import { map, pick, string } from '../../http/fields.ts';
import { filters, flag } from '../../http/query.ts';
import { sendEmpty, sendJson } from '../../http/respond.ts';
import { ANONYMOUS_LABEL, toVolume } from '../../types/index.ts';
import { booleanFilter, matchesLabels, matchesName } from '../filters.ts';

async function usedVolumes(engine: Engine): Promise<Set<string>> {
  const names = (await engine.containers.list()).flatMap(({ mounts }) => mounts.map(({ name }) => name));
  return new Set(names.filter((name) => name !== undefined));
}

async function filterVolumes(engine: Engine, wanted: Filters): Promise<VolumeView[]> {
  const dangling = booleanFilter('dangling', wanted['dangling']);
  const used = dangling === undefined ? new Set<string>() : await usedVolumes(engine);
  return (await engine.volumes.list()).filter((view) => {
    if (dangling !== undefined && used.has(view.name) === dangling) return false;
    if (wanted['name'] !== undefined && !wanted['name'].some((value) => matchesName(value, [view.name]))) return false;
    if (wanted['driver'] !== undefined && !wanted['driver'].includes('local')) return false;
    return matchesLabels(wanted['label'], view.anonymous ? { [ANONYMOUS_LABEL]: '', ...view.labels } : view.labels);
  });
}

export const listVolumes: Handler = async (call) => {
  const views = await filterVolumes(call.engine, filters(call.query, ['dangling', 'driver', 'label', 'name']));
  sendJson(call, { Volumes: views.map((view) => toVolume(view)), Warnings: null });
};

export const inspectVolume: Handler = async (call) => {
  sendJson(call, toVolume(await call.engine.volumes.get(param(call, 'name'))));
};

const CREATE = { Name: string, Driver: string, DriverOpts: map(string), Labels: map(string) };

export const createVolume: Handler = async (call) => {
  const body = pick(await readJson(call), CREATE, 'volume');
  const driver = (body['Driver'] as string | undefined) || 'local';
  if (driver !== 'local')
    throw new LadingError('not_found', `error looking up volume plugin ${driver}: plugin "${driver}" not found`);
  const view = await call.engine.volumes.create({
    ...(body['Name'] ? { name: body['Name'] as string } : {}),
    labels: (body['Labels'] as Record<string, string> | undefined) ?? {},
    options: (body['DriverOpts'] as Record<string, string> | undefined) ?? {},
  });
  sendJson(call, toVolume(view), 201);
};

export const removeVolume: Handler = async (call) => {
  await call.engine.volumes.remove(param(call, 'name'), flag(call.query, 'force'));
  sendEmpty(call);
};

export const pruneVolumes: Handler = async (call) => {
  const wanted = filters(call.query, ['label', 'label!', 'all']);
  const { deleted, spaceReclaimed } = await call.engine.volumes.prune(wanted);
  sendJson(call, { VolumesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: spaceReclaimed });
};
