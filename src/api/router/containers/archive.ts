import type { PathStat } from '../../../engine/index.ts';
import { param, type Handler } from '../../http/call.ts';
import { flag, requiredText } from '../../http/query.ts';
import { sendEmpty, sendTar } from '../../http/respond.ts';

const STAT_HEADER = 'X-Docker-Container-Path-Stat';

function statHeader({ name, size, mode, mtime, linkTarget }: PathStat): Record<string, string> {
  const json = JSON.stringify({ name, size, mode, mtime, linkTarget });
  return { [STAT_HEADER]: Buffer.from(json).toString('base64') };
}

export const statArchive: Handler = async (call) => {
  const stat = await call.engine.containers.statPath(param(call, 'name'), requiredText(call.query, 'path'));
  call.response.writeHead(200, statHeader(stat)).end();
};

export const getArchive: Handler = async (call) => {
  const { stat, tar } = await call.engine.containers.archive(param(call, 'name'), requiredText(call.query, 'path'));
  await sendTar(call, tar, statHeader(stat));
};

export const putArchive: Handler = async (call) => {
  const { engine, query, request } = call;
  await engine.containers.unarchive(param(call, 'name'), requiredText(query, 'path'), request, {
    noOverwriteDirNonDir: flag(query, 'noOverwriteDirNonDir'),
    copyUidGid: flag(query, 'copyUIDGID'),
  });
  sendEmpty(call, 200);
};

export const exportContainer: Handler = async (call) => {
  await sendTar(call, await call.engine.containers.export(param(call, 'name')));
};
