import type { WaitCondition } from '../../../engine/index.ts';
import { LadingError, messageOf } from '../../../errors/index.ts';
import { param, type Handler } from '../../http/call.ts';
import { text } from '../../http/query.ts';

const CONDITIONS: readonly WaitCondition[] = ['not-running', 'next-exit', 'removed'];

/** The header leaves as soon as the wait is registered: `docker run` starts the container only then. */
export const waitContainer: Handler = async (call) => {
  const { engine, response, query, signal } = call;
  const asked = text(query, 'condition') ?? 'not-running';
  const condition = CONDITIONS.find((known) => known === asked);
  if (condition === undefined) throw new LadingError('invalid_argument', `invalid condition: "${asked.slice(0, 100)}"`);
  const { id } = await engine.containers.get(param(call, 'name'));
  const exit = engine.containers.wait(id, condition, signal);
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.flushHeaders();
  try {
    const { exitCode, error } = await exit;
    const reason = error === undefined || error === '' ? {} : { Error: { Message: error } };
    response.end(`${JSON.stringify({ StatusCode: exitCode, ...reason })}\n`);
  } catch (error) {
    if (signal.aborted) return;
    response.end(`${JSON.stringify({ StatusCode: -1, Error: { Message: messageOf(error) } })}\n`);
  }
};
