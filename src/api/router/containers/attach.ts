import { param, type Handler } from '../../http/call.ts';
import { parseDetachKeys } from '../../http/detach-keys.ts';
import { hijack } from '../../http/hijack.ts';
import { flag } from '../../http/query.ts';
import { streamContainer } from '../../http/stream-container.ts';

export const attachContainer: Handler = async (call) => {
  const { engine, query } = call;
  const view = await engine.containers.get(param(call, 'name'));
  const tty = view.config.Tty ?? false;
  const detachKeys = parseDetachKeys(query.get('detachKeys') ?? '');
  const streams = { stdin: flag(query, 'stdin'), stdout: flag(query, 'stdout'), stderr: flag(query, 'stderr') };
  const attachment = await engine.containers.attach(view.id, {
    ...streams,
    logs: flag(query, 'logs'),
    stream: flag(query, 'stream'),
  });
  await streamContainer(hijack(call, tty), attachment, { ...streams, tty, detachKeys });
};
