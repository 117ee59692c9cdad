import { LadingError } from '../../../errors/index.ts';
import type { CacheMountView } from '../../../engine/index.ts';
import type { Handler } from '../../http/call.ts';
import { flag } from '../../http/query.ts';
import { sendJson, sendTar } from '../../http/respond.ts';

export const listCacheMounts: Handler = async (call) => {
  sendJson(call, (await call.engine.builder.cacheMounts.list()).map(toCacheMount));
};

export const removeCacheMounts: Handler = async (call) => {
  sendJson(call, (await call.engine.builder.cacheMounts.remove(namesOf(call.query))).map(toCacheMount));
};

export const exportCacheMounts: Handler = async (call) => {
  await sendTar(call, await call.engine.builder.cacheMounts.export(namesOf(call.query)));
};

export const importCacheMounts: Handler = async (call) => {
  const imported = await call.engine.builder.cacheMounts.import(call.request, { signal: call.signal });
  sendJson(
    call,
    imported.map(({ folder, name, outcome }) => ({ ID: folder, Name: name, Outcome: outcome })),
  );
};

/** lading's own, in the API's spelling. */
function toCacheMount(view: CacheMountView): object {
  const { folder, name, namespace, sizeBytes, createdAt, lastUsedAt, uses, inUse } = view;
  return {
    ID: folder,
    Name: name,
    Namespace: namespace,
    Size: sizeBytes,
    CreatedAt: createdAt,
    LastUsedAt: lastUsedAt,
    UsageCount: uses,
    InUse: inUse,
  };
}

/** @throws invalid_argument when nothing is named */
function namesOf(query: URLSearchParams): readonly string[] | 'all' {
  if (flag(query, 'all')) return 'all';
  const names = query.getAll('id').filter((name) => name !== '');
  if (names.length > 0) return names;
  throw new LadingError('invalid_argument', 'no cache mount is named', { hint: 'give id, or all' });
}
