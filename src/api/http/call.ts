import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Log } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { About } from '../types/index.ts';

/** A connection on which the client asked for `Upgrade`: the parser has let go, bytes after the header are raw. */
export interface UpgradeSocket {
  readonly socket: Duplex;
  /** Bytes read past the header. */
  head: Buffer;
}

/** One request on its way through a handler. */
export interface Call {
  readonly engine: Engine;
  readonly about: About;
  readonly log: Log;
  /** Negotiated API version, "1.47". */
  readonly version: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Aborted when the client's connection goes away before the answer is complete. */
  readonly signal: AbortSignal;
  readonly upgrade?: UpgradeSocket;
}

export type Handler = (call: Call) => Promise<void>;

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

/** One row of the routes table. Dispatch, documentation and tests read it. */
export interface Route {
  readonly method: Method;
  /** `{x}` is one path segment, `{x...}` may hold slashes (image names). */
  readonly path: string;
  readonly handler: Handler;
  /** First API version that has it. */
  readonly minVersion?: string;
  /** One line for docs/api-compat.md: what is served, and what is not. */
  readonly summary: string;
}

/** A path parameter that the route's pattern guarantees. */
export function param(call: Call, name: string): string {
  return call.params[name] ?? '';
}
