import type { ServerResponse } from 'node:http';
import type { BuildEvent, BuildRequest } from '../../../engine/index.ts';
import { LadingError, toLadingError } from '../../../errors/index.ts';
import { param, type Call, type Handler } from '../../http/call.ts';
import { JsonStream } from '../../http/json-stream.ts';
import { filters, flag, integer, text } from '../../http/query.ts';
import { sendJson, sendTar } from '../../http/respond.ts';
import { toBuildCacheRecord } from '../../types/index.ts';
import { parseBuild } from './build-request.ts';
import { ClassicOutput } from './classic-output.ts';

/** Media type of the event stream for lading's own client. */
export const BUILD_EVENTS = 'application/vnd.lading.build-events+json';

export const build: Handler = async (call) => {
  const request = await parseBuild(call);
  const wantsEvents = call.request.headers.accept?.includes(BUILD_EVENTS) === true;
  await (wantsEvents ? sendBuildEvents(call, request) : sendClassic(call, request));
};

/** Builds; the result event is the last one. */
async function runBuild(
  { engine, signal, response }: Call,
  request: BuildRequest,
  onEvent: (event: BuildEvent) => void,
): Promise<Extract<BuildEvent, { kind: 'result' }>> {
  return {
    kind: 'result',
    ...(await engine.builder.build(request, { onEvent, signal, drained: () => drained(response) })),
  };
}

/** A client that reads slowly holds back the step that prints; one that has gone does not. */
function drained(response: ServerResponse): Promise<void> | undefined {
  if (!response.writableNeedDrain || response.destroyed) return undefined;
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.once('drain', done).once('close', done);
  });
}

async function sendClassic(call: Call, request: BuildRequest): Promise<void> {
  const quiet = flag(call.query, 'q');
  const stream = new JsonStream(call.response);
  const output = new ClassicOutput();
  const send = (event: BuildEvent): void => output.render(event).forEach((line) => stream.progress(line));
  await stream.run(async () => {
    const result = await runBuild(call, request, quiet ? () => undefined : send);
    if (quiet) stream.write({ stream: `${result.imageId ?? ''}\n` });
    else send(result);
  });
}

async function sendBuildEvents(call: Call, request: BuildRequest): Promise<void> {
  const stream = new JsonStream(call.response, BUILD_EVENTS);
  stream.open();
  try {
    stream.write(
      await runBuild(call, request, (event) => {
        if (event.kind !== 'progress' || !call.response.writableNeedDrain) stream.write(event);
      }),
    );
  } catch (error) {
    const { message, hint, code } = toLadingError(error, 'build failed');
    stream.write({ kind: 'error', message, ...(hint === undefined ? {} : { hint }), code });
  }
  call.response.end();
}

/** The id is the secret: only who reads the build's events knows it. */
export const sendExport: Handler = async (call) => {
  await sendTar(call, await call.engine.builder.openExport(param(call, 'id')));
};

export const whyNotCached: Handler = async (call) => {
  sendJson(call, call.engine.builder.why(text(call.query, 'build')));
};

/** `lading-dry-run` only tells; `lading-details` adds the bill: each record with the bytes its removal frees. */
export const pruneBuildCache: Handler = async (call) => {
  const { query, version, engine } = call;
  const reservedBytes = bytes(query, 'reserved-space') ?? bytes(query, 'keep-storage') ?? 0;
  const { items, deleted, spaceReclaimed } = await engine.builder.prune({
    all: flag(query, 'all'),
    filters: filters(query),
    reservedBytes,
    maxUsedBytes: bytes(query, 'max-used-space') ?? 0,
    minFreeBytes: bytes(query, 'min-free-space') ?? 0,
    dryRun: flag(query, 'lading-dry-run'),
  });
  sendJson(call, {
    CachesDeleted: deleted.length === 0 ? null : deleted,
    SpaceReclaimed: spaceReclaimed,
    ...(flag(query, 'lading-details') ? { Items: items.map((row) => toBuildCacheRecord(row, version)) } : {}),
  });
};

function bytes(query: URLSearchParams, name: string): number | undefined {
  const value = integer(query, name);
  if (value === undefined || value >= 0) return value;
  throw new LadingError('invalid_argument', `invalid value for "${name}": bytes cannot be negative`);
}
