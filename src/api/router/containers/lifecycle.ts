import { param, type Call, type Handler } from '../../http/call.ts';
import { readJson } from '../../http/body.ts';
import { filters, flag, integer, platform, requiredText, text } from '../../http/query.ts';
import { sendEmpty, sendJson } from '../../http/respond.ts';
import { parseCreate, parseUpdate } from './create-request.ts';

export const createContainer: Handler = async (call) => {
  const { request, warnings } = parseCreate(await readJson(call));
  const name = text(call.query, 'name');
  const wanted = platform(call.query);
  const created = await call.engine.containers.create({
    ...request,
    ...(name === undefined ? {} : { name: name.replace(/^\//, '') }),
    ...(wanted === undefined ? {} : { platform: wanted }),
  });
  sendJson(call, { Id: created.id, Warnings: [...created.warnings, ...warnings] }, 201);
};

export const startContainer: Handler = async (call) => {
  await call.engine.containers.start(param(call, 'name'));
  sendEmpty(call);
};

function stopOptions({ query }: Call): { timeoutSeconds?: number; signal?: string } {
  const timeoutSeconds = integer(query, 't');
  const signal = text(query, 'signal');
  return {
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(signal === undefined ? {} : { signal }),
  };
}

export const stopContainer: Handler = async (call) => {
  await call.engine.containers.stop(param(call, 'name'), stopOptions(call));
  sendEmpty(call);
};

export const restartContainer: Handler = async (call) => {
  await call.engine.containers.restart(param(call, 'name'), stopOptions(call));
  sendEmpty(call);
};

export const killContainer: Handler = async (call) => {
  await call.engine.containers.kill(param(call, 'name'), text(call.query, 'signal') ?? 'SIGKILL');
  sendEmpty(call);
};

export const pauseContainer: Handler = async (call) => {
  await call.engine.containers.pause(param(call, 'name'));
  sendEmpty(call);
};

export const unpauseContainer: Handler = async (call) => {
  await call.engine.containers.unpause(param(call, 'name'));
  sendEmpty(call);
};

export const renameContainer: Handler = async (call) => {
  await call.engine.containers.rename(param(call, 'name'), requiredText(call.query, 'name').replace(/^\//, ''));
  sendEmpty(call);
};

export const updateContainer: Handler = async (call) => {
  await call.engine.containers.update(param(call, 'name'), parseUpdate(await readJson(call)));
  sendJson(call, { Warnings: [] });
};

export const removeContainer: Handler = async (call) => {
  const options = { force: flag(call.query, 'force'), volumes: flag(call.query, 'v') };
  await call.engine.containers.remove(param(call, 'name'), options);
  sendEmpty(call);
};

export const resizeContainer: Handler = async (call) => {
  const { rows, columns } = windowSize(call);
  await call.engine.containers.resize(param(call, 'name'), rows, columns);
  sendEmpty(call, 200);
};

/** `h` and `w` of a resize request. */
export function windowSize({ query }: Call): { rows: number; columns: number } {
  const side = (name: string): number => Math.min(Math.max(integer(query, name) ?? 0, 0), 0xffff);
  return { rows: side('h'), columns: side('w') };
}

export const pruneContainers: Handler = async (call) => {
  const { deleted, spaceReclaimed } = await call.engine.containers.prune(
    filters(call.query, ['until', 'label', 'label!']),
  );
  sendJson(call, { ContainersDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: spaceReclaimed });
};
