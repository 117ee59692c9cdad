import { LadingError } from '../errors/index.ts';

/** Where a daemon listens. */
export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

const DEFAULT_PORT = 2375;

/** Reads Docker's host syntax: `unix:///path`, `/path`, `tcp://host:port`, `http://host:port`. @throws invalid_argument */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith('/')) return { kind: 'unix', path: text };
  if (text.startsWith('unix://')) {
    const path = text.slice('unix://'.length);
    if (path.startsWith('/')) return { kind: 'unix', path };
    throw invalidHost(text, 'a unix socket needs an absolute path, for example unix:///run/lading/lading.sock');
  }
  const tcp = /^(?:tcp|http):\/\/(\[[0-9a-fA-F:]+\]|[^:/[\]]+)(?::(\d{1,5}))?\/?$/.exec(text);
  if (tcp === null) throw invalidHost(text, 'use unix:///path or tcp://host:port');
  const port = tcp[2] === undefined ? DEFAULT_PORT : Number(tcp[2]);
  if (port < 1 || port > 65_535) throw invalidHost(text, 'the port is out of range');
  return { kind: 'tcp', host: (tcp[1] ?? '').replace(/^\[|\]$/g, ''), port };
}

/** The form `parseEndpoint` reads and messages show. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') return `unix://${endpoint.path}`;
  return `tcp://${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`;
}

function invalidHost(text: string, hint: string): LadingError {
  return new LadingError('invalid_argument', `invalid host: "${text}"`, { hint });
}
