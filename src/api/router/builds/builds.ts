import { once } from 'node:events';
import type { BuildLog } from '../../../engine/index.ts';
import { integer, text } from '../../http/query.ts';
import { param, type Handler } from '../../http/call.ts';
import { sendJson } from '../../http/respond.ts';

export const listBuilds: Handler = async (call) => {
  const name = text(call.query, 'name');
  const all = call.engine.builder.history.list();
  sendJson(call, name === undefined ? all : all.filter((record) => record.name === name));
};

/** `previous=1` adds the build of the same name before it. */
export const getBuild: Handler = async (call) => {
  const { history } = call.engine.builder;
  const record = history.get(param(call, 'id'));
  sendJson(call, { record, previous: history.previousOf(record) ?? null });
};

export const removeBuild: Handler = async (call) => {
  sendJson(call, { id: await call.engine.builder.history.remove(param(call, 'id')) });
};

/** One JSON object a line: `{"step":…}` before the pieces of each step, `[ms, stream, text]` for each piece. */
export const buildLog: Handler = async (call) => {
  const { logs } = call.engine.builder.history.log(param(call, 'id'), integer(call.query, 'step'));
  const { response } = call;
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  for (const line of lines(logs))
    for await (const text of line) {
      if (!response.write(text)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      if (response.destroyed) return;
    }
  response.end();
};

function* lines(logs: readonly BuildLog[]): Generator<AsyncIterable<string>> {
  for (const { step, pieces } of logs)
    yield (async function* () {
      yield `${JSON.stringify({ step })}\n`;
      for await (const piece of pieces) yield `${JSON.stringify(piece)}\n`;
    })();
}
