import type { BuildEvent, RebuildRequest } from '../../../engine/index.ts';
import { isAbsolute } from 'node:path';
import { LadingError, toLadingError } from '../../../errors/index.ts';
import { readJson } from '../../http/body.ts';
import { param, type Handler } from '../../http/call.ts';
import { boolean, map, pick, shape, string } from '../../http/fields.ts';
import { credentialsOf } from '../../http/registry-auth.ts';
import { JsonStream } from '../../http/json-stream.ts';
import { requireTrustedPeer } from '../../http/peer.ts';
import { BUILD_EVENTS } from './build.ts';

const FIELDS = {
  folder: string,
  buildArgs: map(string),
  secrets: map(string),
  ignoreTimes: boolean,
  credentials: shape({}),
};

/** Builds an image again and compares: the events of the build, then a line of kind "verdict" or "error". */
export const verifyRebuild: Handler = async (call) => {
  requireTrustedPeer(call, 'cannot use folders of this machine for a build');
  const request = parseRequest(await readJson(call));
  const stream = new JsonStream(call.response, BUILD_EVENTS);
  stream.open();
  try {
    const onEvent = (event: BuildEvent): void => {
      if (event.kind !== 'progress' || !call.response.writableNeedDrain) stream.write(event);
    };
    const verdict = await call.engine.builder.verify(param(call, 'name'), request, { onEvent, signal: call.signal });
    stream.write({ kind: 'verdict', ...verdict });
  } catch (error) {
    const { message, hint, code } = toLadingError(error, 'rebuild failed');
    stream.write({ kind: 'error', message, ...(hint === undefined ? {} : { hint }), code });
  }
  call.response.end();
};

function parseRequest(body: unknown): RebuildRequest {
  const { folder, secrets, credentials, ...rest } = pick(body ?? {}, FIELDS, 'rebuild') as {
    folder?: string;
    secrets?: Record<string, string>;
    buildArgs?: Record<string, string>;
    ignoreTimes?: boolean;
    credentials?: Record<string, unknown>;
  };
  if (folder !== undefined && (!isAbsolute(folder) || folder.includes('\0')))
    throw new LadingError('invalid_argument', `invalid context: "${folder.slice(0, 300)}": an absolute path is wanted`);
  const bytes = Object.entries(secrets ?? {}).map(([id, text]) => [id, Buffer.from(text, 'base64')] as const);
  return {
    ...rest,
    ...(folder === undefined ? {} : { folder }),
    secrets: new Map(bytes),
    credentials: credentialsOf(credentials),
  };
}
