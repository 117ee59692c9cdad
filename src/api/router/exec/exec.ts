import type { ExecConfig } from '../../../engine/index.ts';
import { LadingError } from '../../../errors/index.ts';
import { readJson } from '../../http/body.ts';
import { param, type Call, type Handler } from '../../http/call.ts';
import { parseDetachKeys } from '../../http/detach-keys.ts';
import { errorText } from '../../http/error-response.ts';
import { boolean, integer, list, pick, string } from '../../http/fields.ts';
import { hijack } from '../../http/hijack.ts';
import { frameHeader } from '../../http/multiplex.ts';
import { sendEmpty, sendJson } from '../../http/respond.ts';
import { streamContainer } from '../../http/stream-container.ts';
import { toExecInspect } from '../../types/index.ts';
import { windowSize } from '../containers/lifecycle.ts';

const CREATE = {
  Cmd: list(string),
  AttachStdin: boolean,
  AttachStdout: boolean,
  AttachStderr: boolean,
  Tty: boolean,
  Env: list(string),
  User: string,
  WorkingDir: string,
  Privileged: boolean,
  DetachKeys: string,
  ConsoleSize: list(integer),
};

export const createExec: Handler = async (call) => {
  const config = pick(await readJson(call), CREATE, 'exec') as unknown as ExecConfig;
  if ((config.Cmd?.length ?? 0) === 0) throw new LadingError('invalid_argument', 'No exec command specified');
  parseDetachKeys(config.DetachKeys ?? '');
  sendJson(call, { Id: await call.engine.containers.execCreate(param(call, 'name'), config) }, 201);
};

const START = { Detach: boolean, Tty: boolean, ConsoleSize: list(integer) };

function consoleSize(value: unknown): { consoleSize?: readonly [number, number] } {
  const [rows, columns] = (value as number[] | undefined) ?? [];
  return rows !== undefined && columns !== undefined && rows > 0 && columns > 0 ? { consoleSize: [rows, columns] } : {};
}

export const startExec: Handler = async (call) => {
  const id = param(call, 'id');
  const body = pick(await readJson(call), START, 'exec start');
  const { config } = await call.engine.containers.execInspect(id);
  const size = consoleSize(body['ConsoleSize']);
  if (body['Detach'] === true) {
    await call.engine.containers.execStart(id, { detach: true, ...size });
    sendEmpty(call, 200);
    return;
  }
  await startAttached(call, id, config, size);
};

/**
 * The connection is taken over before the program starts, and a failure to start is written into it: the client then
 * asks for the exit code (126, 127), as it does with Docker.
 */
async function startAttached(
  call: Call,
  id: string,
  config: ExecConfig,
  size: { consoleSize?: readonly [number, number] },
): Promise<void> {
  const tty = config.Tty ?? false;
  const connection = hijack(call, tty);
  try {
    const attachment = await call.engine.containers.execStart(id, { detach: false, ...size });
    if (attachment === undefined) throw new LadingError('internal', 'exec start: no streams to attach to');
    await streamContainer(connection, attachment, {
      tty,
      stdout: config.AttachStdout ?? false,
      stderr: config.AttachStderr ?? false,
      detachKeys: parseDetachKeys(config.DetachKeys ?? ''),
    });
  } catch (error) {
    const text = Buffer.from(`${errorText(error)}\r\n`);
    const chunk = tty ? text : Buffer.concat([frameHeader('stdout', text.length), text]);
    connection.input.resume();
    connection.output.end(chunk);
  }
}

export const resizeExec: Handler = async (call) => {
  const { rows, columns } = windowSize(call);
  await call.engine.containers.execResize(param(call, 'id'), rows, columns);
  sendEmpty(call, 200);
};

export const inspectExec: Handler = async (call) => {
  sendJson(call, toExecInspect(await call.engine.containers.execInspect(param(call, 'id'))));
};
