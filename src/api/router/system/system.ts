import { LadingError } from '../../../errors/index.ts';
import { readJson } from '../../http/body.ts';
import type { Call, Handler } from '../../http/call.ts';
import { pick, string } from '../../http/fields.ts';
import { filters, timestampMs } from '../../http/query.ts';
import { toCredentials } from '../../http/registry-auth.ts';
import { sendJson } from '../../http/respond.ts';
import { writeChunk } from '../../http/multiplex.ts';
import { toEvent, toInfo, toVersion } from '../../types/index.ts';

const PING_HEADERS = {
  'Content-Type': 'text/plain; charset=utf-8',
  'Builder-Version': '1',
  'Docker-Experimental': 'false',
  Swarm: 'inactive',
  'Cache-Control': 'no-cache, no-store, must-revalidate',
  Pragma: 'no-cache',
};

export const ping: Handler = async ({ response, request }) => {
  const body = request.method === 'HEAD' ? '' : 'OK';
  response.writeHead(200, { ...PING_HEADERS, 'Content-Length': body.length }).end(body);
};

export const version: Handler = async (call) => {
  sendJson(call, toVersion(await call.engine.system.info(), call.about));
};

export const info: Handler = async (call) => {
  sendJson(call, toInfo(await call.engine.system.info(), call.about));
};

const AUTH = {
  username: string,
  password: string,
  serveraddress: string,
  identitytoken: string,
  registrytoken: string,
};

export const checkAuth: Handler = async (call) => {
  const body = pick(await readJson(call), AUTH, 'auth');
  const serveraddress = body['serveraddress'] as string | undefined;
  const { status, identityToken } = await call.engine.images.checkAuth({
    ...toCredentials(body),
    ...(serveraddress ? { serveraddress } : {}),
  });
  sendJson(call, { Status: status, IdentityToken: identityToken });
};

const EVENT_FILTERS = [
  'config',
  'container',
  'daemon',
  'event',
  'image',
  'label',
  'network',
  'node',
  'plugin',
  'scope',
  'secret',
  'service',
  'type',
  'volume',
];

export const events: Handler = async (call) => {
  const { engine, query, response, signal } = call;
  const [sinceMs, untilMs] = [timestampMs(query, 'since'), timestampMs(query, 'until')];
  if (sinceMs !== undefined && untilMs !== undefined && untilMs < sinceMs)
    throw new LadingError('invalid_argument', '`since` time cannot be after `until` time');
  const feed = engine.system.events({
    filters: filters(query, EVENT_FILTERS),
    signal,
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
  });
  await sendEvents(call, feed);
  response.end();
};

/** The subscription is made before the header leaves: what happens after the client has it, it will see. */
async function sendEvents(
  { response, signal }: Call,
  feed: AsyncIterable<Parameters<typeof toEvent>[0]>,
): Promise<void> {
  const iterator = feed[Symbol.asyncIterator]();
  let next = iterator.next();
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.flushHeaders();
  try {
    for (let item = await next; item.done !== true; item = await next) {
      await writeChunk(response, Buffer.from(`${JSON.stringify(toEvent(item.value))}\n`), undefined, signal);
      next = iterator.next();
    }
  } finally {
    next.catch(() => undefined);
    await iterator.return?.();
  }
}
