import type { Engine, Filters, NetworkView } from '../../../engine/index.ts';
import { LadingError } from '../../../errors/index.ts';
import { readJson } from '../../http/body.ts';
import { param, type Handler } from '../../http/call.ts';
import { boolean, list, map, object, pick, shape, string } from '../../http/fields.ts';
import { filters } from '../../http/query.ts';
import { sendEmpty, sendJson } from '../../http/respond.ts';
import { toNetwork } from '../../types/index.ts';
import { parseEndpoint } from '../containers/create-request.ts';
import { booleanFilter, matchesLabels, matchesName } from '../filters.ts';

const BUILTIN = ['bridge', 'host', 'none'];

type Test = (view: NetworkView, value: string) => boolean;
const TESTS: Readonly<Record<string, Test>> = {
  id: (view, value) => view.id.startsWith(value),
  name: (view, value) => matchesName(value, [view.name]),
  driver: (view, value) => view.driver === value,
  scope: (_view, value) => value === 'local',
  type: (view, value) => (value === 'builtin') === BUILTIN.includes(view.name),
};

async function filterNetworks(engine: Engine, wanted: Filters): Promise<NetworkView[]> {
  const dangling = booleanFilter('dangling', wanted['dangling']);
  return (await engine.networks.list()).filter((view) => {
    const unused = view.containers.length === 0 && !BUILTIN.includes(view.name);
    if (dangling !== undefined && dangling !== unused) return false;
    if (!matchesLabels(wanted['label'], view.labels)) return false;
    return Object.entries(TESTS).every(
      ([name, test]) => wanted[name] === undefined || wanted[name].some((value) => test(view, value)),
    );
  });
}

export const listNetworks: Handler = async (call) => {
  const wanted = filters(call.query, ['dangling', 'label', ...Object.keys(TESTS)]);
  const views = await filterNetworks(call.engine, wanted);
  sendJson(
    call,
    views.map((view) => toNetwork(view, { members: false })),
  );
};

export const inspectNetwork: Handler = async (call) => {
  sendJson(call, toNetwork(await call.engine.networks.get(param(call, 'id')), { members: true }));
};

const CREATE = {
  Name: string,
  Driver: string,
  Internal: boolean,
  EnableIPv6: boolean,
  IPAM: shape({ Driver: string, Config: list(object) }),
  Options: map(string),
  Labels: map(string),
};

/** The one IPv4 pool of a request; more, or other settings of a pool, are refused rather than forgotten. */
function parsePool(ipam: unknown): { subnet?: string; gateway?: string } {
  const pools = (ipam as { Config?: unknown[] } | undefined)?.Config ?? [];
  if (pools.length > 1)
    throw new LadingError('not_implemented', 'cannot create network: more than one subnet is not supported');
  const pool = pick(pools[0] ?? {}, { Subnet: string, Gateway: string, IPRange: string }, 'IPAM.Config[0]');
  if (pool['IPRange'] !== undefined && pool['IPRange'] !== '')
    throw new LadingError('not_implemented', 'cannot create network: IPRange is not supported');
  return {
    ...(pool['Subnet'] ? { subnet: pool['Subnet'] as string } : {}),
    ...(pool['Gateway'] ? { gateway: pool['Gateway'] as string } : {}),
  };
}

export const createNetwork: Handler = async (call) => {
  const body = pick(await readJson(call), CREATE, 'network');
  if (body['EnableIPv6'] === true)
    throw new LadingError('not_implemented', 'cannot create network: IPv6 is not supported');
  const id = await call.engine.networks.create({
    name: (body['Name'] as string | undefined) ?? '',
    driver: (body['Driver'] as string | undefined) || 'bridge',
    internal: body['Internal'] === true,
    labels: (body['Labels'] as Record<string, string> | undefined) ?? {},
    options: (body['Options'] as Record<string, string> | undefined) ?? {},
    ...parsePool(body['IPAM']),
  });
  sendJson(call, { Id: id, Warning: '' }, 201);
};

export const removeNetwork: Handler = async (call) => {
  await call.engine.networks.remove(param(call, 'id'));
  sendEmpty(call);
};

export const connectNetwork: Handler = async (call) => {
  const body = pick(await readJson(call), { Container: string, EndpointConfig: object }, 'connect');
  const endpoint = parseEndpoint(body['EndpointConfig'], 'EndpointConfig');
  await call.engine.networks.connect(param(call, 'id'), (body['Container'] as string | undefined) ?? '', endpoint);
  sendEmpty(call, 200);
};

export const disconnectNetwork: Handler = async (call) => {
  const body = pick(await readJson(call), { Container: string, Force: boolean }, 'disconnect');
  const container = (body['Container'] as string | undefined) ?? '';
  await call.engine.networks.disconnect(param(call, 'id'), container, body['Force'] === true);
  sendEmpty(call, 200);
};

export const pruneNetworks: Handler = async (call) => {
  const deleted = await call.engine.networks.prune(filters(call.query, ['until', 'label', 'label!']));
  sendJson(call, { NetworksDeleted: deleted.length === 0 ? null : deleted });
};
