import { param, type Handler } from '../../http/call.ts';
import { filters, flag, integer, text } from '../../http/query.ts';
import { sendJson } from '../../http/respond.ts';
import { toContainerInspect, toContainerSummary } from '../../types/index.ts';
import { CONTAINER_FILTERS, filterContainers } from './filter-containers.ts';

export const listContainers: Handler = async (call) => {
  const { engine, query } = call;
  const options = {
    all: flag(query, 'all'),
    limit: integer(query, 'limit'),
    filters: filters(query, CONTAINER_FILTERS),
  };
  const views = await filterContainers(engine, await engine.containers.list(), options);
  const withSize = flag(query, 'size');
  const summaries = [];
  for (const view of views)
    summaries.push(toContainerSummary(view, withSize ? await engine.containers.size(view.id) : undefined));
  sendJson(call, summaries);
};

export const inspectContainer: Handler = async (call) => {
  const view = await call.engine.containers.get(param(call, 'name'));
  const size = flag(call.query, 'size') ? await call.engine.containers.size(view.id) : undefined;
  sendJson(call, toContainerInspect(view, size));
};

export const topContainer: Handler = async (call) => {
  const { titles, processes } = await call.engine.containers.top(
    param(call, 'name'),
    text(call.query, 'ps_args') ?? '-ef',
  );
  sendJson(call, { Titles: titles, Processes: processes });
};

export const containerChanges: Handler = async (call) => {
  const changes = await call.engine.containers.diff(param(call, 'name'));
  sendJson(call, changes.length === 0 ? null : changes);
};
