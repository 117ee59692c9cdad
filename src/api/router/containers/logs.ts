import { LadingError } from '../../../errors/index.ts';
import type { LogLine, LogQuery } from '../../../runtime/index.ts';
import { param, type Call, type Handler } from '../../http/call.ts';
import { streamContentType } from '../../http/hijack.ts';
import { writeChunk } from '../../http/multiplex.ts';
import { flag, text, timestampMs } from '../../http/query.ts';

function tailLines(query: URLSearchParams): number | undefined {
  const tail = text(query, 'tail');
  // Docker reads anything that is no number as "all".
  return tail !== undefined && /^[0-9]{1,9}$/.test(tail) ? Number(tail) : undefined;
}

function logQuery({ query, signal }: Call): LogQuery {
  const [stdout, stderr] = [flag(query, 'stdout'), flag(query, 'stderr')];
  if (!stdout && !stderr)
    throw new LadingError('invalid_argument', 'Bad parameters: you must choose at least one stream');
  const [tail, sinceMs, untilMs] = [tailLines(query), timestampMs(query, 'since'), timestampMs(query, 'until')];
  return {
    follow: flag(query, 'follow'),
    stdout,
    stderr,
    signal,
    ...(tail === undefined ? {} : { tail }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
  };
}

function withTime({ time, data }: LogLine): Buffer {
  return Buffer.concat([Buffer.from(`${time.replace(/[+-]00:00$/, 'Z')} `), data]);
}

export const containerLogs: Handler = async (call) => {
  const { engine, response, query, signal, version } = call;
  const { tty, lines } = await engine.containers.logs(param(call, 'name'), logQuery(call));
  const timestamps = flag(query, 'timestamps');
  response.writeHead(200, { 'Content-Type': streamContentType(version, tty) });
  response.flushHeaders();
  for await (const line of lines)
    await writeChunk(response, timestamps ? withTime(line) : line.data, tty ? undefined : line.stream, signal);
  response.end();
};
