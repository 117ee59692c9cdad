import type { BuildEvent, BuildRequest } from '../../../engine/index.ts';
import { toLadingError } from '../../../errors/index.ts';
import { param, type Call, type Handler } from '../../http/call.ts';
import { JsonStream } from '../../http/json-stream.ts';
import { filters, flag, text } from '../../http/query.ts';
import { sendJson, sendTar } from '../../http/respond.ts';
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
  { engine, signal }: Call,
  request: BuildRequest,
  onEvent: (event: BuildEvent) => void,
): Promise<Extract<BuildEvent, { kind: 'result' }>> {
  return { kind: 'result', ...(await engine.builder.build(request, { onEvent, signal })) };
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

export const pruneBuildCache: Handler = async (call) => {
  const options = { all: flag(call.query, 'all'), filters: filters(call.query) };
  const { deleted, spaceReclaimed } = await call.engine.builder.prune(options);
  sendJson(call, { CachesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: spaceReclaimed });
};
