import type { HttpResponse } from './http/response.ts';
import type { Socket } from 'node:net';
import type { CallOptions } from './transport.ts';

/** What a group of API calls needs of the client. */
export interface Caller {
  call(method: string, path: string, options?: CallOptions): Promise<HttpResponse>;
  json<T>(method: string, path: string, options?: CallOptions): Promise<T>;
  ndjson<T>(method: string, path: string, options?: CallOptions): AsyncGenerator<T>;
  hijack(method: string, path: string, options?: CallOptions): Promise<Socket>;
}

/** Encodes a name for a path; "/" of repository names stays. */
export function pathOf(name: string): string {
  return encodeURIComponent(name).replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%40', '@');
}
