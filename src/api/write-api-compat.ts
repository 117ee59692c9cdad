import { writeFileSync } from 'node:fs';
import { ROUTES_BY_RESOURCE } from './router/routes.ts';
import { API_VERSION, MIN_API_VERSION } from './version.ts';

/** Writes docs/api-compat.md from the routes table: `node src/api/write-api-compat.ts`. */
const INTRODUCTION = `# Engine API: what is served

The routes below are Docker's Engine API as \`ladingd\` serves it, with or without a version prefix
(\`/v${MIN_API_VERSION}\` to \`/v${API_VERSION}\`; \`/_ping\` advertises ${API_VERSION}). "Since" is the first API version that has the route.
Swarm, plugins, secrets and configs are not served: 404. This file is written by \`src/api/write-api-compat.ts\`.

Errors are \`{"message": "…"}\`; a hint, when there is one, is the message's second line.

## lading's extensions of POST /build

- \`lading-context=<absolute folder>\`: the context is read in place. Only for root and the daemon's own user on the unix socket.
- \`Content-Type: text/x-dockerfile\` with \`lading-context\`: the body is the Dockerfile.
- \`Accept: application/vnd.lading.build-events+json\`: one JSON event a line, the last of kind \`result\` or \`error\`.
`;

const sections = Object.entries(ROUTES_BY_RESOURCE).map(([resource, routes]) => {
  const rows = routes.map(
    ({ method, path, minVersion, summary }) => `| \`${method} ${path}\` | ${minVersion ?? ''} | ${summary} |`,
  );
  return `## ${resource}\n\n| endpoint | since | served |\n|---|---|---|\n${rows.join('\n')}\n`;
});

writeFileSync(new URL('../../docs/api-compat.md', import.meta.url), [INTRODUCTION, ...sections].join('\n'));
