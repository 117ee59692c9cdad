import { deleteBlob, readBlob } from './blob-handlers.ts';
import { answer, type Handler } from './exchange.ts';
import { deleteManifest, listRepositories, listTags, putManifest, readManifest } from './manifest-handlers.ts';
import { listReferrers } from './referrer-handlers.ts';
import { checkName } from './repositories.ts';
import { SpecError } from './spec-error.ts';
import { appendUpload, beginUpload, cancelUpload, finishUpload, uploadStatus } from './upload-handlers.ts';

interface Route {
  /** Groups: the repository's name, then the reference. */
  readonly path: RegExp;
  readonly methods: Readonly<Partial<Record<string, Handler>>>;
}

const ping: Handler = async (_backend, exchange) => answer(exchange, 200, {}, {});

/** The API, in the order of matching (distribution-spec 1.1.1, "Endpoints"). */
const ROUTES: readonly Route[] = [
  { path: /^\/v2\/?$/, methods: { GET: ping, HEAD: ping } },
  { path: /^\/v2\/_catalog$/, methods: { GET: listRepositories } },
  { path: /^\/v2\/(.+)\/blobs\/uploads\/?$/, methods: { POST: beginUpload } },
  {
    path: /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/,
    methods: { GET: uploadStatus, PATCH: appendUpload, PUT: finishUpload, DELETE: cancelUpload },
  },
  { path: /^\/v2\/(.+)\/blobs\/([^/]+)$/, methods: { GET: readBlob, HEAD: readBlob, DELETE: deleteBlob } },
  {
    path: /^\/v2\/(.+)\/manifests\/([^/]+)$/,
    methods: { GET: readManifest, HEAD: readManifest, PUT: putManifest, DELETE: deleteManifest },
  },
  { path: /^\/v2\/(.+)\/tags\/list$/, methods: { GET: listTags } },
  { path: /^\/v2\/(.+)\/referrers\/([^/]+)$/, methods: { GET: listReferrers } },
];

export interface Match {
  readonly handler: Handler;
  readonly name: string;
  readonly reference: string;
}

/** @throws NAME_INVALID, UNSUPPORTED (405, or 404 for a path that is none of the API) */
export function matchRoute(method: string, path: string): Match {
  const decoded = decode(path);
  for (const route of ROUTES) {
    const groups = route.path.exec(decoded);
    if (!groups) continue;
    const [, name, reference = ''] = groups;
    if (name !== undefined) checkName(name);
    const handler = route.methods[method];
    if (handler) return { handler, name: name ?? '', reference };
    throw new SpecError('UNSUPPORTED', 'the operation is unsupported', {
      headers: { allow: Object.keys(route.methods).join(', ') },
    });
  }
  throw new SpecError('UNSUPPORTED', 'no such endpoint', { status: 404 });
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new SpecError('NAME_INVALID', 'the path is not valid percent-encoding');
  }
}
