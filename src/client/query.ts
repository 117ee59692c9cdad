/** What a query may hold: absent, false and empty lists are left out, lists repeat the key, objects are sent as JSON. */
export type QueryValue = string | number | boolean | readonly string[] | Readonly<Record<string, unknown>> | undefined;
export type Query = Readonly<Record<string, QueryValue>>;

/** "?a=b&…" or "". */
export function formatQuery(query: Query = {}): string {
  const parts: string[] = [];
  const add = (key: string, value: string): number =>
    parts.push(`${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || value === false) continue;
    if (isList(value)) for (const item of value) add(key, item);
    else if (typeof value === 'object') {
      if (Object.keys(value).length > 0) add(key, JSON.stringify(value));
    } else add(key, value === true ? '1' : String(value));
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

function isList(value: QueryValue): value is readonly string[] {
  return Array.isArray(value);
}
