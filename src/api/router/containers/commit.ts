import { readJson } from '../../http/body.ts';
import type { Handler } from '../../http/call.ts';
import { flag, requiredText, text } from '../../http/query.ts';
import { sendJson } from '../../http/respond.ts';
import { parseRunConfig } from './create-request.ts';

/** `changes` may be repeated, or hold one instruction a line. */
export function dockerfileChanges(query: URLSearchParams): string[] {
  return query
    .getAll('changes')
    .flatMap((text) => text.split('\n'))
    .filter((line) => line.trim() !== '');
}

export const commitContainer: Handler = async (call) => {
  const { engine, query } = call;
  const config = parseRunConfig(await readJson(call));
  const texts = Object.fromEntries(
    ['repo', 'tag', 'comment', 'author'].flatMap((name) => {
      const value = text(query, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const id = await engine.containers.commit(requiredText(query, 'container'), {
    ...texts,
    changes: dockerfileChanges(query),
    pause: flag(query, 'pause', true),
    ...(config === undefined ? {} : { config }),
  });
  sendJson(call, { Id: id }, 201);
};
