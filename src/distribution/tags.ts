import { LadingError } from '../errors/index.ts';
import { MAX_DOCUMENT_BYTES, familiarRepository, parseJson, type Reference } from '../oci/index.ts';
import { repositoryScope, type Connection } from './connection.ts';
import { readBounded } from './http/bounded-body.ts';
import { pullError } from './registry-error.ts';
import type { CallOptions } from './session.ts';

const MAX_TAGS = 200_000;
const TAG = /^[\w][\w.-]{0,127}$/;

/** Every tag of a repository, page by page. @throws not_found; resource_exhausted past 200 000 tags */
export async function listTags(connection: Connection, reference: Reference, call: CallOptions): Promise<string[]> {
  const tags: string[] = [];
  const seen = new Set<string>();
  for (let target: string | undefined = `v2/${reference.path}/tags/list`; target !== undefined && !seen.has(target);) {
    seen.add(target);
    const page: Page = await fetchPage(connection, reference, target, call);
    tags.push(...page.tags);
    if (tags.length > MAX_TAGS)
      throw new LadingError(
        'resource_exhausted',
        `list tags of ${familiarRepository(reference)}: more than ${MAX_TAGS}`,
      );
    target = page.tags.length === 0 ? undefined : page.next;
  }
  return tags;
}

interface Page {
  readonly tags: readonly string[];
  readonly next: string | undefined;
}

async function fetchPage(
  connection: Connection,
  reference: Reference,
  target: string,
  call: CallOptions,
): Promise<Page> {
  const { session } = connection;
  const attempted = `list tags of ${familiarRepository(reference)}`;
  const scopes = [repositoryScope(reference.path, 'pull')];
  try {
    return await connection.write(reference, call, async (endpoint) => {
      const response = await session.expect({ endpoint, method: 'GET', target, scopes }, call, [200], attempted);
      const limits = { ...session.limitsOf(response, call.signal), maxBytes: MAX_DOCUMENT_BYTES };
      const value = parseJson(await readBounded(response.body, limits), 'tag list') as { tags?: unknown } | null;
      const tags = Array.isArray(value?.tags) ? value.tags : [];
      const next = nextPage(response.headers['link'], response.url);
      return { tags: tags.filter((tag) => typeof tag === 'string' && TAG.test(tag)), next };
    });
  } catch (error) {
    throw pullError(error, reference);
  }
}

/** The target of `Link: <…>; rel="next"`; other hosts are not followed. */
function nextPage(link: string | string[] | undefined, from: URL): string | undefined {
  const target = /<([^>]{1,2000})>\s*;[^,]*rel="?next"?/i.exec(String(link ?? ''))?.[1];
  if (target === undefined || !URL.canParse(target, from.href)) return undefined;
  const url = new URL(target, from);
  return url.host === from.host ? url.pathname + url.search : undefined;
}
